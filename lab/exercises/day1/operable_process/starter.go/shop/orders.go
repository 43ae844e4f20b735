package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
)

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
	db   *sql.DB
	mail *Mail
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
	order := Order{newID(), asked.UserID, asked.Items, total, "created", now()}
	items, err := json.Marshal(order.Items)
	if err != nil {
		return err
	}
	err = inTransaction(r.Context(), o.db, func(tx *sql.Tx) error {
		var known bool
		if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)", order.UserID).Scan(&known); err != nil {
			return err
		}
		if !known {
			return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", order.UserID)
		}
		_, err := tx.Exec("INSERT INTO orders (id, user_id, items, total, status, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			order.ID, order.UserID, string(items), order.Total, order.Status, order.CreatedAt)
		return err
	})
	if err != nil {
		return err
	}
	o.mail.OrderCreated(r.Context(), order.UserID, order.ID)
	return reply(w, http.StatusCreated, order)
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
	return reply(w, http.StatusOK, pageOf(found, window.Limit))
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
