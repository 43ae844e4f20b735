package main

import (
	"context"
	"database/sql"
)

const schema = `
CREATE TABLE IF NOT EXISTS payments (
	id        INTEGER PRIMARY KEY,
	order_id  TEXT NOT NULL,
	amount    INTEGER NOT NULL,
	status    TEXT NOT NULL,
	charge_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS payments_by_order ON payments (order_id)`

type Payment struct {
	OrderID  string `json:"order_id"`
	Amount   int64  `json:"amount"`
	Status   string `json:"status"`
	ChargeID string `json:"charge_id"`
}

type Payments struct{ db *sql.DB }

// Add writes a payment down.
func (p *Payments) Add(ctx context.Context, paid Payment) error {
	return inTransaction(ctx, p.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO payments (order_id, amount, status, charge_id) VALUES (?, ?, ?, ?)",
			paid.OrderID, paid.Amount, paid.Status, paid.ChargeID)
		return err
	})
}

// Of lists the payments of an order.
func (p *Payments) Of(ctx context.Context, orderID string) ([]Payment, error) {
	rows, err := p.db.QueryContext(ctx, "SELECT order_id, amount, status, charge_id FROM payments WHERE order_id = ?", orderID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []Payment{}
	for rows.Next() {
		var paid Payment
		if err := rows.Scan(&paid.OrderID, &paid.Amount, &paid.Status, &paid.ChargeID); err != nil {
			return nil, err
		}
		found = append(found, paid)
	}
	return found, rows.Err()
}
