package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// schema: there is one payment an order. The key is what a second event about the same order is recognised by.
const schema = `
CREATE TABLE IF NOT EXISTS payments (
	order_id TEXT PRIMARY KEY,
	amount   INTEGER NOT NULL,
	status   TEXT NOT NULL
);`

// Payments hears of orders; the consumer acknowledges after Hear has returned. No transaction is open while the provider is
// asked.
type Payments struct {
	db       *sql.DB
	outbox   *Outbox
	provider *Provider
}

func (p *Payments) Hear(ctx context.Context, event Event) error {
	if event.Type == "order.created" {
		return p.charge(ctx, event)
	}
	return nil
}

// charge asks once, however often we hear of the order.
func (p *Payments) charge(ctx context.Context, event Event) error {
	orderID, amount, err := chargeIn(event)
	if err != nil {
		return err
	}
	if status, err := p.status(ctx, orderID); status != "" || err != nil {
		return err
	}
	decision, err := p.provider.Charge(ctx, orderID, amount, event.CorrelationID)
	if err != nil {
		return err
	}
	return inTransaction(ctx, p.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO payments (order_id, amount, status) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			orderID, amount, decision)
		return err
	})
	// TODO: nobody hears of it. And what of an order that is cancelled?
}

// chargeIn is what an order.created asks for; its error is ErrUnreadable.
func chargeIn(event Event) (orderID string, amount int64, err error) {
	var data struct {
		OrderID string `json:"order_id"`
		Amount  int64  `json:"amount"`
	}
	if err := json.Unmarshal(event.Data, &data); err != nil || data.OrderID == "" || data.Amount <= 0 {
		return "", 0, fmt.Errorf("%w: the event %s names no order and amount", ErrUnreadable, event.ID)
	}
	return data.OrderID, data.Amount, nil
}

// status is empty where nothing was decided yet.
func (p *Payments) status(ctx context.Context, orderID string) (status string, err error) {
	err = p.db.QueryRowContext(ctx, "SELECT status FROM payments WHERE order_id = ?", orderID).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return status, err
}
