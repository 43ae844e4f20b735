package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"time"
)

// schema is what is kept: orders, and of their users nothing but the id.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	position   INTEGER PRIMARY KEY,
	id         TEXT NOT NULL UNIQUE,
	user_id    TEXT NOT NULL,
	items      TEXT NOT NULL,
	total      INTEGER NOT NULL,
	status     TEXT NOT NULL,
	created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id)`

type Item struct {
	SKU   string `json:"sku"`
	Qty   int64  `json:"qty"`
	Price int64  `json:"price"`
}

type NewOrder struct {
	UserID string `json:"user_id"`
	Items  []Item `json:"items"`
}

func (n NewOrder) check() error {
	if n.UserID == "" || len(n.UserID) > 64 {
		return invalid("user_id has between 1 and 64 bytes.")
	}
	if len(n.Items) == 0 || len(n.Items) > 100 {
		return invalid("An order has between 1 and 100 items.")
	}
	for _, item := range n.Items {
		switch {
		case item.SKU == "" || len(item.SKU) > 64:
			return invalid("sku has between 1 and 64 bytes.")
		case item.Qty <= 0 || item.Qty > 1_000_000:
			return invalid("qty is between 1 and 1000000.")
		case item.Price < 0 || item.Price > 1_000_000_000:
			return invalid("price is between 0 and 1000000000.")
		}
	}
	return nil
}

type Order struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Items     []Item `json:"items"`
	Total     int64  `json:"total"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

type Orders struct{ db *sql.DB }

// Store returns the new order when it is saved.
func (o *Orders) Store(ctx context.Context, asked NewOrder) (Order, error) {
	order := Order{
		ID: newID(), UserID: asked.UserID, Items: asked.Items, Status: "created",
		CreatedAt: time.Now().UTC().Format(time.RFC3339Nano),
	}
	for _, item := range asked.Items {
		order.Total += item.Qty * item.Price
	}
	items, err := json.Marshal(order.Items)
	if err != nil {
		return Order{}, err
	}
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (id, user_id, items, total, status, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			order.ID, order.UserID, string(items), order.Total, order.Status, order.CreatedAt)
		return err
	})
	return order, err
}

func (o *Orders) Find(ctx context.Context, id string) (Order, error) {
	found, err := o.query(ctx, "WHERE id = ?", id)
	if err == nil && len(found) == 0 {
		err = problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	if err != nil {
		return Order{}, err
	}
	return found[0], nil
}

// Of lists a user's orders, the oldest first.
func (o *Orders) Of(ctx context.Context, userID string) ([]Order, error) {
	return o.query(ctx, "WHERE user_id = ? ORDER BY position", userID)
}

func (o *Orders) query(ctx context.Context, where string, value any) ([]Order, error) {
	rows, err := o.db.QueryContext(ctx, "SELECT id, user_id, items, total, status, created_at FROM orders "+where, value)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []Order{}
	for rows.Next() {
		var order Order
		var items []byte
		err := rows.Scan(&order.ID, &order.UserID, &items, &order.Total, &order.Status, &order.CreatedAt)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(items, &order.Items); err != nil {
			return nil, err
		}
		found = append(found, order)
	}
	return found, rows.Err()
}
