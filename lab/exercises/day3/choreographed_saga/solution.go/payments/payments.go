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
//
// A provider that does not answer is no decision: Hear fails, and the event comes again. Every step may be done again: the
// provider knows the keys, and what is written down and what is told of it commit together.
type Payments struct {
	db       *sql.DB
	outbox   *Outbox
	provider *Provider
}

func (p *Payments) Hear(ctx context.Context, event Event) error {
	switch event.Type {
	case "order.created":
		return p.charge(ctx, event)
	case "order.cancelled":
		return p.refund(ctx, event)
	}
	return nil
}

// charge asks once, however often we hear of the order. What was decided was also announced, or the outbox has it: a
// repeated event needs no answer.
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
	told, err := happened("/payments", "payment."+decision, event.CorrelationID, map[string]any{
		"order_id": orderID, "amount": amount,
	})
	if err != nil {
		return err
	}
	return inTransaction(ctx, p.db, func(tx *sql.Tx) error {
		done, err := tx.Exec("INSERT INTO payments (order_id, amount, status) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			orderID, amount, decision)
		if err != nil {
			return err
		}
		if added, err := done.RowsAffected(); added == 0 || decision == refunded || err != nil {
			return err
		}
		return p.outbox.Add(tx, told)
	})
}

// refund compensates. An order that we know nothing of may have been cancelled before its creation came to us: the refund
// makes the provider refuse a charge, and the row makes us not ask for one.
func (p *Payments) refund(ctx context.Context, event Event) error {
	orderID, err := orderIn(event)
	if err != nil {
		return err
	}
	status, err := p.status(ctx, orderID)
	if status == declined || status == refunded || err != nil {
		return err
	}
	if err := p.provider.Refund(ctx, orderID, event.CorrelationID); err != nil {
		return err
	}
	return inTransaction(ctx, p.db, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO payments (order_id, amount, status) VALUES (?, 0, ?)
			ON CONFLICT (order_id) DO UPDATE SET status = excluded.status`, orderID, refunded)
		return err
	})
}

// orderIn is the order that the event is about; its error is ErrUnreadable.
func orderIn(event Event) (string, error) {
	var data struct {
		OrderID string `json:"order_id"`
	}
	if err := json.Unmarshal(event.Data, &data); err != nil || data.OrderID == "" {
		return "", fmt.Errorf("%w: the event %s names no order", ErrUnreadable, event.ID)
	}
	return data.OrderID, nil
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
