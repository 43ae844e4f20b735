package main

import (
	"context"
	"database/sql"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS history (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	event_id TEXT NOT NULL UNIQUE,
	order_id TEXT NOT NULL,
	version  INTEGER NOT NULL,
	status   TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_by_order ON history (order_id)`

// An Entry is a line in the history of an order.
type Entry struct {
	Version int64  `json:"version"`
	Status  string `json:"status"`
}

// A Projection is what the log says of an order.
type Projection struct {
	OrderID string `json:"order_id"`
	Entry
	History []Entry `json:"history"`
}

type Histories struct{ db *sql.DB }

// Add writes down what an event says. The event's id is unique, and it is the database that says so: a record that comes
// again adds nothing, whoever of us had it before.
func (h *Histories) Add(ctx context.Context, eventID, orderID string, entry Entry) error {
	_, err := h.db.ExecContext(ctx,
		"INSERT INTO history (event_id, order_id, version, status) VALUES (?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING",
		eventID, orderID, entry.Version, entry.Status)
	return err
}

func (h *Histories) Of(ctx context.Context, orderID string) (Projection, error) {
	found := Projection{OrderID: orderID}
	rows, err := h.db.QueryContext(ctx, "SELECT version, status FROM history WHERE order_id = ? ORDER BY position", orderID)
	if err != nil {
		return found, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&found.Version, &found.Status); err != nil {
			return found, err
		}
		found.History = append(found.History, found.Entry)
	}
	if len(found.History) == 0 && rows.Err() == nil {
		return found, problem(http.StatusNotFound, "unknown_order", "Nothing was heard of an order %s.", orderID)
	}
	return found, rows.Err()
}
