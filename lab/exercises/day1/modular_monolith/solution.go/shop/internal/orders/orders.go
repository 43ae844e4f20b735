// Package orders knows what was ordered; of users it knows their ids. What is exported here is all that others may use.
package orders

import (
	"context"
	"database/sql"
	"net/http"

	"shop/internal/chassis"
)

// Schema is what orders keeps. There is no foreign key to a table of another module: that may be elsewhere tomorrow.
const Schema = `
CREATE TABLE IF NOT EXISTS orders_orders (
	position   INTEGER PRIMARY KEY AUTOINCREMENT,
	id         TEXT NOT NULL UNIQUE,
	user_id    TEXT NOT NULL,
	items      TEXT NOT NULL,
	total      INTEGER NOT NULL,
	status     TEXT NOT NULL,
	created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_orders_by_user ON orders_orders (user_id);`

// Users is the one question that orders has. In this process or another one: it is answered, or there is an error.
type Users interface {
	Know(ctx context.Context, userID string) (bool, error)
}

type Orders struct {
	db     *sql.DB
	users  Users
	placed func(ctx context.Context, userID, orderID string) error
}

// New: placed is told of every new order.
func New(db *sql.DB, users Users, placed func(ctx context.Context, userID, orderID string) error) *Orders {
	return &Orders{db: db, users: users, placed: placed}
}

// Routes is /orders.
func (o *Orders) Routes(routes *http.ServeMux) {
	routes.Handle("/orders", chassis.Methods{http.MethodPost: o.place, http.MethodGet: o.list})
	routes.Handle("/orders/", chassis.Methods{
		http.MethodGet: o.show, http.MethodPatch: o.change, http.MethodDelete: o.remove,
	})
}

// Has tells whether the user has ordered anything.
func (o *Orders) Has(ctx context.Context, userID string) (has bool, err error) {
	row := o.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM orders_orders WHERE user_id = ?)", userID)
	err = row.Scan(&has)
	return has, err
}
