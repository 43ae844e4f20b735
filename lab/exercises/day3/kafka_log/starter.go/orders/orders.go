package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id      TEXT PRIMARY KEY,
	amount  INTEGER NOT NULL,
	status  TEXT NOT NULL,
	version INTEGER NOT NULL
)`

// Order is as clients see it. Version counts its changes, from 1 on.
type Order struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version int64  `json:"version"`
}

type Orders struct{ db *sql.DB }

func (o *Orders) Place(ctx context.Context, amount int64) (Order, error) {
	order := Order{ID: newID(), Status: "created", Version: 1}
	_, err := o.db.ExecContext(ctx, "INSERT INTO orders (id, amount, status, version) VALUES (?, ?, ?, ?)",
		order.ID, amount, order.Status, order.Version)
	return order, err
}

func (o *Orders) Change(ctx context.Context, id, status string) (Order, error) {
	order := Order{ID: id, Status: status}
	err := o.db.QueryRowContext(ctx,
		"UPDATE orders SET status = ?, version = version + 1 WHERE id = ? RETURNING version", status, id).Scan(&order.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return order, problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	return order, err
}
