package orders

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"

	"shop/internal/chassis"
	"shop/internal/pages"
)

// largest is the highest price and number of pieces: what is larger is a mistake, and must not meet the limit of a number.
const largest = 1_000_000_000

// item has a price in UZS, for one piece.
type item struct {
	SKU   string `json:"sku"`
	Qty   int64  `json:"qty"`
	Price *int64 `json:"price"` // may be 0, but not left out
}

// newOrder has no total: what the client thinks it is does not matter.
type newOrder struct {
	UserID string `json:"user_id"`
	Items  []item `json:"items"`
}

// total is that of a valid order.
func (n newOrder) total() (int64, error) {
	if n.UserID == "" || len(n.UserID) > 64 {
		return 0, chassis.Invalid("user_id has between 1 and 64 bytes.")
	}
	if len(n.Items) == 0 || len(n.Items) > 1000 {
		return 0, chassis.Invalid("An order has between 1 and 1000 items.")
	}
	var total int64
	for _, item := range n.Items {
		switch {
		case item.SKU == "" || len(item.SKU) > 64:
			return 0, chassis.Invalid("sku has between 1 and 64 bytes.")
		case item.Qty <= 0 || item.Qty > largest:
			return 0, chassis.Invalid("qty is between 1 and %d.", largest)
		case item.Price == nil || *item.Price < 0 || *item.Price > largest:
			return 0, chassis.Invalid("price is between 0 and %d.", largest)
		}
		if total += item.Qty * *item.Price; total > largest {
			return 0, chassis.Problemf(http.StatusUnprocessableEntity, "too_large", "An order may cost %d UZS at most.", largest)
		}
	}
	return total, nil
}

type order struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Items     []item `json:"items"`
	Total     int64  `json:"total"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

func (o *Orders) place(w http.ResponseWriter, r *http.Request) error {
	var asked newOrder
	if err := chassis.Read(r, &asked); err != nil {
		return err
	}
	total, err := asked.total()
	if err != nil {
		return err
	}
	made := order{chassis.NewID(), asked.UserID, asked.Items, total, "created", chassis.Now()}
	items, err := json.Marshal(made.Items)
	if err != nil {
		return err
	}
	known, err := o.users.Know(r.Context(), made.UserID)
	if err != nil {
		chassis.LogLine("warn", "users cannot be asked: "+err.Error(), map[string]any{"dependency": "users"})
		w.Header().Set("Retry-After", "1")
		return chassis.Problemf(http.StatusServiceUnavailable, "users_unavailable", "Nobody can be asked who that is just now.")
	}
	if !known {
		return chassis.Problemf(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", made.UserID)
	}
	err = chassis.InTransaction(r.Context(), o.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO orders_orders (id, user_id, items, total, status, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			made.ID, made.UserID, string(items), made.Total, made.Status, made.CreatedAt)
		return err
	})
	if err != nil {
		return err
	}
	if err := o.placed(r.Context(), made.UserID, made.ID); err != nil {
		return err
	}
	return chassis.Reply(w, http.StatusCreated, made)
}

func (o *Orders) list(w http.ResponseWriter, r *http.Request) error {
	window, err := pages.WindowOf(r)
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
	return chassis.Reply(w, http.StatusOK, pages.Of(found, window.Limit))
}

func (o *Orders) show(w http.ResponseWriter, r *http.Request) error {
	found, err := o.one(r.Context(), o.db, chassis.IDOf(r))
	if err != nil {
		return err
	}
	return chassis.Reply(w, http.StatusOK, found)
}

func (o *Orders) change(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Status string `json:"status"`
	}
	if err := chassis.Read(r, &asked); err != nil {
		return err
	}
	if asked.Status != "cancelled" {
		return chassis.Invalid("An order can be cancelled, and nothing else.")
	}
	var found order
	err := chassis.InTransaction(r.Context(), o.db, func(tx *sql.Tx) (err error) {
		if found, err = o.one(r.Context(), tx, chassis.IDOf(r)); err != nil {
			return err
		}
		found.Status = asked.Status
		_, err = tx.Exec("UPDATE orders_orders SET status = ? WHERE id = ?", found.Status, found.ID)
		return err
	})
	if err != nil {
		return err
	}
	return chassis.Reply(w, http.StatusOK, found)
}

func (o *Orders) remove(w http.ResponseWriter, r *http.Request) error {
	err := chassis.InTransaction(r.Context(), o.db, func(tx *sql.Tx) error {
		if _, err := o.one(r.Context(), tx, chassis.IDOf(r)); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM orders_orders WHERE id = ?", chassis.IDOf(r))
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (o *Orders) one(ctx context.Context, db chassis.Querier, id string) (order, error) {
	found, err := o.find(ctx, db, "WHERE id = ?", id)
	if err == nil && len(found) == 0 {
		err = chassis.Problemf(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	if err != nil {
		return order{}, err
	}
	return found[0].Item, nil
}

func (o *Orders) find(ctx context.Context, db chassis.Querier, which string, args ...any) ([]pages.Row[order], error) {
	rows, err := db.QueryContext(ctx,
		"SELECT position, id, user_id, items, total, status, created_at FROM orders_orders "+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []pages.Row[order]
	for rows.Next() {
		var row pages.Row[order]
		var items []byte
		one := &row.Item
		err := rows.Scan(&row.Position, &one.ID, &one.UserID, &items, &one.Total, &one.Status, &one.CreatedAt)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(items, &one.Items); err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, rows.Err()
}
