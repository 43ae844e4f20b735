package main

import (
	"context"
	"database/sql"
)

// Payments and the memory of what was handled live in one database, so that one transaction covers both. That a key is
// there once is the database's to hold, not an `if` of ours. There is one payment an order: that, too, against a second
// event that tells of the same order.
const schema = `
CREATE TABLE IF NOT EXISTS handled_events (
	id TEXT PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS payments (
	order_id  TEXT PRIMARY KEY,
	amount    INTEGER NOT NULL,
	status    TEXT NOT NULL,
	charge_id TEXT NOT NULL
)`

type Payment struct {
	OrderID  string `json:"order_id"`
	Amount   int64  `json:"amount"`
	Status   string `json:"status"`
	ChargeID string `json:"charge_id"`
}

type Payments struct{ db *sql.DB }

// Handled tells whether the event was dealt with.
func (p *Payments) Handled(ctx context.Context, eventID string) (known bool, err error) {
	err = p.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM handled_events WHERE id = ?)", eventID).Scan(&known)
	return known, err
}

// Add writes down the payment and that the event was handled. False: somebody has done it before.
func (p *Payments) Add(ctx context.Context, eventID string, paid Payment) (added bool, err error) {
	err = inTransaction(ctx, p.db, func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO handled_events (id) VALUES (?)", eventID); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO payments (order_id, amount, status, charge_id) VALUES (?, ?, ?, ?)",
			paid.OrderID, paid.Amount, paid.Status, paid.ChargeID)
		return err
	})
	if isTaken(err) {
		return false, nil
	}
	return err == nil, err
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
