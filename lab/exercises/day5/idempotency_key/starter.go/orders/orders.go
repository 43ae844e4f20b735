package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"unicode/utf8"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id        TEXT PRIMARY KEY,
	user_id   TEXT NOT NULL,
	sku       TEXT NOT NULL,
	amount    INTEGER NOT NULL,
	status    TEXT NOT NULL,
	charge_id TEXT NOT NULL,
	note      TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id);`

type NewOrder struct {
	SKU    string `json:"sku"`
	Amount int64  `json:"amount"`
}

func (n NewOrder) check() error {
	if n.SKU == "" || len(n.SKU) > 64 {
		return invalid("sku has between 1 and 64 bytes.")
	}
	if n.Amount <= 0 || n.Amount > 1_000_000_000 {
		return invalid("amount is between 1 and 1000000000.")
	}
	return nil
}

type Order struct {
	ID       string `json:"id"`
	UserID   string `json:"user_id"`
	SKU      string `json:"sku"`
	Amount   int64  `json:"amount"`
	Status   string `json:"status"`
	ChargeID string `json:"charge_id"`
	Note     string `json:"note"`
}

type Orders struct{ db *sql.DB }

func (o *Orders) Add(tx *sql.Tx, order Order) error {
	_, err := tx.Exec("INSERT INTO orders (id, user_id, sku, amount, status, charge_id, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
		order.ID, order.UserID, order.SKU, order.Amount, order.Status, order.ChargeID, order.Note)
	return err
}

// Of lists a user's orders.
func (o *Orders) Of(ctx context.Context, userID string) ([]Order, error) {
	rows, err := o.db.QueryContext(ctx, columns+"WHERE user_id = ?", userID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []Order{}
	for rows.Next() {
		order, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, order)
	}
	return found, rows.Err()
}

// WriteNote is for the user whose order it is.
func (o *Orders) WriteNote(ctx context.Context, userID, id, note string) (order Order, err error) {
	if utf8.RuneCountInString(note) > 200 {
		return order, invalid("A note has 200 characters at most.")
	}
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		order, err = scan(tx.QueryRow(columns+"WHERE id = ? AND user_id = ?", id, userID))
		if errors.Is(err, sql.ErrNoRows) {
			return problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
		}
		if err != nil {
			return err
		}
		order.Note = note
		_, err = tx.Exec("UPDATE orders SET note = ? WHERE id = ?", note, id)
		return err
	})
	return order, err
}

const columns = "SELECT id, user_id, sku, amount, status, charge_id, note FROM orders "

func scan(row interface{ Scan(...any) error }) (order Order, err error) {
	err = row.Scan(&order.ID, &order.UserID, &order.SKU, &order.Amount, &order.Status, &order.ChargeID, &order.Note)
	return order, err
}
