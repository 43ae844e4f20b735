package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"time"
)

// schema is what is kept of orders, and of their users nothing but the id: there is no table of users here to refer to.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	position   INTEGER PRIMARY KEY AUTOINCREMENT,
	id         TEXT NOT NULL UNIQUE,
	user_id    TEXT NOT NULL,
	items      TEXT NOT NULL,
	total      INTEGER NOT NULL,
	status     TEXT NOT NULL,
	created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id)`

// largest is the highest price and number of pieces: what is larger is a mistake, and must not meet the limit of a number.
const largest = 1_000_000_000

// Item has a price in UZS, for one piece.
type Item struct {
	SKU   string `json:"sku"`
	Qty   int64  `json:"qty"`
	Price *int64 `json:"price"` // may be 0, but not left out
}

// NewOrder has no total: what the client thinks it is does not matter.
type NewOrder struct {
	UserID string `json:"user_id"`
	Items  []Item `json:"items"`
}

// total is that of a valid order.
func (n NewOrder) total() (int64, error) {
	if n.UserID == "" || len(n.UserID) > 64 {
		return 0, invalid("user_id has between 1 and 64 bytes.")
	}
	if len(n.Items) == 0 || len(n.Items) > 1000 {
		return 0, invalid("An order has between 1 and 1000 items.")
	}
	var total int64
	for _, item := range n.Items {
		switch {
		case item.SKU == "" || len(item.SKU) > 64:
			return 0, invalid("sku has between 1 and 64 bytes.")
		case item.Qty <= 0 || item.Qty > largest:
			return 0, invalid("qty is between 1 and %d.", largest)
		case item.Price == nil || *item.Price < 0 || *item.Price > largest:
			return 0, invalid("price is between 0 and %d.", largest)
		}
		if total += item.Qty * *item.Price; total > largest {
			return 0, problem(http.StatusUnprocessableEntity, "too_large", "An order may cost %d UZS at most.", largest)
		}
	}
	return total, nil
}

type Order struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Items     []Item `json:"items"`
	Total     int64  `json:"total"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

// Orders is /orders.
type Orders struct {
	db    *sql.DB
	users *Users
}

func (o *Orders) place(w http.ResponseWriter, r *http.Request) error {
	var asked NewOrder
	if err := read(r, &asked); err != nil {
		return err
	}
	total, err := asked.total()
	if err != nil {
		return err
	}
	// Before the transaction begins, because a neighbour that is slow must not hold the database.
	if err := o.confirm(w, r, asked.UserID); err != nil {
		return err
	}
	order := Order{newID(), asked.UserID, asked.Items, total, "created", now()}
	items, err := json.Marshal(order.Items)
	if err != nil {
		return err
	}
	err = inTransaction(r.Context(), o.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (id, user_id, items, total, status, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			order.ID, order.UserID, string(items), order.Total, order.Status, order.CreatedAt)
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, order)
}

// confirm asks who orders; its error is what the client is told.
func (o *Orders) confirm(w http.ResponseWriter, r *http.Request, userID string) error {
	known, err := o.users.Know(r.Context(), userID, r.Header.Get("X-Request-ID"))
	if err != nil {
		logLine("warn", "users is unavailable: "+err.Error(), map[string]any{"dependency": "users"})
		w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "users_unavailable", "Nobody can be asked who that is just now.")
	}
	if !known {
		return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", userID)
	}
	return nil
}

func (o *Orders) find(ctx context.Context, which string, args ...any) ([]Row[Order], error) {
	rows, err := o.db.QueryContext(ctx,
		"SELECT position, id, user_id, items, total, status, created_at FROM orders "+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Row[Order]
	for rows.Next() {
		var row Row[Order]
		var items []byte
		order := &row.Item
		err := rows.Scan(&row.Position, &order.ID, &order.UserID, &items, &order.Total, &order.Status, &order.CreatedAt)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(items, &order.Items); err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// now is the time as RFC 3339.
func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
