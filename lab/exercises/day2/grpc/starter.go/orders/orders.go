package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"strings"
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

// Named is what of a user stands beside an order.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Orders is /orders.
type Orders struct {
	db    *sql.DB
	users *Users
}

func (o *Orders) Routes(routes *http.ServeMux) {
	routes.Handle("/orders", methods{http.MethodPost: o.place, http.MethodGet: o.list})
	routes.Handle("/orders/", methods{http.MethodGet: o.show, http.MethodPatch: o.change, http.MethodDelete: o.remove})
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
	known, err := o.users.Know(r.Context(), userID)
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

func (o *Orders) list(w http.ResponseWriter, r *http.Request) error {
	window, err := windowOf(r)
	if err != nil {
		return err
	}
	which, args := "WHERE position > ?", []any{window.After}
	if user := r.URL.Query().Get("user_id"); user != "" {
		which, args = which+" AND user_id = ?", append(args, user)
	}
	found, err := o.find(r.Context(), o.db, which+" ORDER BY position LIMIT ?", append(args, window.Limit+1)...)
	if err != nil {
		return err
	}
	page := pageOf(found, window.Limit)
	if r.URL.Query().Get("expand") == "user" {
		return o.replyExpanded(w, r, page)
	}
	return reply(w, http.StatusOK, page)
}

// replyExpanded shows the user of each order. The orders are ours, and right: without an answer of users they are shown
// without their users, and the page says so.
func (o *Orders) replyExpanded(w http.ResponseWriter, r *http.Request, page Page[Order]) error {
	ids, met := []string{}, map[string]bool{}
	for _, order := range page.Items {
		if !met[order.UserID] {
			met[order.UserID] = true
			ids = append(ids, order.UserID)
		}
	}
	known, err := o.users.Named(r.Context(), ids)
	var degraded []string
	if err != nil {
		logLine("warn", "users is unavailable: "+err.Error(), map[string]any{"dependency": "users"})
		degraded = []string{"users"}
	}
	type expanded struct {
		Order
		User *Named `json:"user"`
	}
	items := make([]expanded, len(page.Items))
	for i, order := range page.Items {
		items[i].Order = order
		if user, there := known[order.UserID]; there {
			items[i].User = &user
		}
	}
	return reply(w, http.StatusOK, struct {
		Items      []expanded `json:"items"`
		NextCursor *string    `json:"next_cursor"`
		Degraded   []string   `json:"degraded,omitempty"`
	}{items, page.NextCursor, degraded})
}

func (o *Orders) show(w http.ResponseWriter, r *http.Request) error {
	order, err := o.one(r.Context(), o.db, idOf(r))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, order)
}

func (o *Orders) change(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Status string `json:"status"`
	}
	if err := read(r, &asked); err != nil {
		return err
	}
	if asked.Status != "cancelled" {
		return invalid("An order can be cancelled, and nothing else.")
	}
	var order Order
	err := inTransaction(r.Context(), o.db, func(tx *sql.Tx) (err error) {
		if order, err = o.one(r.Context(), tx, idOf(r)); err != nil {
			return err
		}
		order.Status = asked.Status
		_, err = tx.Exec("UPDATE orders SET status = ? WHERE id = ?", order.Status, order.ID)
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, order)
}

func (o *Orders) remove(w http.ResponseWriter, r *http.Request) error {
	err := inTransaction(r.Context(), o.db, func(tx *sql.Tx) error {
		if _, err := o.one(r.Context(), tx, idOf(r)); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM orders WHERE id = ?", idOf(r))
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// A querier is the database, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (o *Orders) one(ctx context.Context, db querier, id string) (Order, error) {
	found, err := o.find(ctx, db, "WHERE id = ?", id)
	if err == nil && len(found) == 0 {
		err = problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	if err != nil {
		return Order{}, err
	}
	return found[0].Item, nil
}

func (o *Orders) find(ctx context.Context, db querier, which string, args ...any) ([]Row[Order], error) {
	rows, err := db.QueryContext(ctx,
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

// idOf is what follows the first part of the path: /orders/{id}.
func idOf(r *http.Request) string {
	_, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return id
}

// now is the time as RFC 3339.
func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
