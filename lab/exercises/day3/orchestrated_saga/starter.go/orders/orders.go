package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id         TEXT PRIMARY KEY,
	sku        TEXT NOT NULL,
	amount     INTEGER NOT NULL,
	status     TEXT NOT NULL,
	reason     TEXT NOT NULL,
	request_id TEXT NOT NULL
)`

type Order struct {
	ID        string `json:"id"`
	SKU       string `json:"sku"`
	Amount    int64  `json:"amount"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
	RequestID string `json:"-"`
}

type Orders struct{ db *sql.DB }

func (o *Orders) Add(ctx context.Context, order Order) error {
	_, err := o.db.ExecContext(ctx, "INSERT INTO orders (id, sku, amount, status, reason, request_id) VALUES (?, ?, ?, ?, ?, ?)",
		order.ID, order.SKU, order.Amount, order.Status, order.Reason, order.RequestID)
	return err
}

// End says what became of an order.
func (o *Orders) End(ctx context.Context, id, status, reason string) error {
	_, err := o.db.ExecContext(ctx, "UPDATE orders SET status = ?, reason = ? WHERE id = ?", status, reason, id)
	return err
}

func (o *Orders) Find(ctx context.Context, id string) (order Order, err error) {
	row := o.db.QueryRowContext(ctx, "SELECT id, sku, amount, status, reason, request_id FROM orders WHERE id = ?", id)
	err = row.Scan(&order.ID, &order.SKU, &order.Amount, &order.Status, &order.Reason, &order.RequestID)
	if errors.Is(err, sql.ErrNoRows) {
		err = unknownOrder(id)
	}
	return order, err
}

func unknownOrder(id string) error {
	return problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
}
