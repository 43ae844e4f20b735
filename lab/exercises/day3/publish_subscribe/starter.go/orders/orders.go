package main

import (
	"context"
	"database/sql"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id      TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,
	amount  INTEGER NOT NULL
)`

type OrderRequest struct {
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

func (o OrderRequest) check() error {
	if o.UserID == "" || len(o.UserID) > 64 {
		return invalid("user_id has between 1 and 64 bytes.")
	}
	if o.Amount <= 0 {
		return invalid("amount is more than 0.")
	}
	return nil
}

type Order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

type Orders struct{ db *sql.DB }

// Place returns the new order when it is saved.
func (o *Orders) Place(ctx context.Context, asked OrderRequest) (Order, error) {
	order := Order{ID: newID(), UserID: asked.UserID, Amount: asked.Amount}
	err := inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (id, user_id, amount) VALUES (?, ?, ?)", order.ID, order.UserID, order.Amount)
		return err
	})
	return order, err
}
