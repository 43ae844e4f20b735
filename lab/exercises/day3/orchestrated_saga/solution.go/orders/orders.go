package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"
)

// look_at is when somebody has to look at an order next, in milliseconds of Unix time, NULL once it has ended. Who takes it up
// moves that to the end of a lease; if he dies, the next one finds it due.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id         TEXT PRIMARY KEY,
	sku        TEXT NOT NULL,
	amount     INTEGER NOT NULL,
	status     TEXT NOT NULL,
	reason     TEXT NOT NULL,
	request_id TEXT NOT NULL,
	state      TEXT NOT NULL,
	steps      TEXT NOT NULL,
	deadline   INTEGER NOT NULL,
	look_at    INTEGER,
	holder     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_due ON orders (look_at)`

type Order struct {
	ID        string    `json:"id"`
	SKU       string    `json:"sku"`
	Amount    int64     `json:"amount"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason"`
	RequestID string    `json:"-"`
	Saga      Saga      `json:"-"`
	Deadline  time.Time `json:"-"`
}

// Orders are conducted by several instances: each order by the one that holds it, for as long as its lease lasts.
type Orders struct {
	db     *sql.DB
	holder string
}

// Add saves a new order, which is due at once.
func (o *Orders) Add(ctx context.Context, order Order) error {
	_, err := o.db.ExecContext(ctx, `
		INSERT INTO orders (id, sku, amount, status, reason, request_id, state, steps, deadline, look_at, holder)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')`,
		order.ID, order.SKU, order.Amount, order.Status, order.Reason, order.RequestID,
		order.Saga.State, strings.Join(order.Saga.Statuses[:], " "), order.Deadline.UnixMilli(), time.Now().UnixMilli())
	return err
}

func (o *Orders) Find(ctx context.Context, id string) (Order, error) {
	order, err := find(o.db.QueryRowContext(ctx, byID, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	return order, err
}

// TakeUp makes the order that has been due for longest ours, for the length of a lease. It is "" if none is due.
func (o *Orders) TakeUp(ctx context.Context, lease time.Duration) (id string, err error) {
	now := time.Now()
	const due = "SELECT id FROM orders WHERE look_at <= ? ORDER BY look_at LIMIT 1"
	err = o.db.QueryRowContext(ctx, due, now.UnixMilli()).Scan(&id) // a look needs no lock for writing
	if err == nil {
		err = o.db.QueryRowContext(ctx, "UPDATE orders SET holder = ?, look_at = ? WHERE id = ("+due+") RETURNING id",
			o.holder, now.Add(lease).UnixMilli(), now.UnixMilli()).Scan(&id)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// Renew begins the lease anew, if the order is still ours.
func (o *Orders) Renew(id string, lease time.Duration) error {
	_, err := o.db.Exec("UPDATE orders SET look_at = ? WHERE id = ? AND holder = ? AND look_at IS NOT NULL",
		time.Now().Add(lease).UnixMilli(), id, o.holder)
	return err
}

// Change changes the saga of an order and goes on holding it. It is false if the order is not ours any more: our lease had
// ended.
func (o *Orders) Change(id string, lease time.Duration, change func(Order) Saga) (order Order, ours bool, err error) {
	err = inTransaction(context.Background(), o.db, func(tx *sql.Tx) error {
		row := tx.QueryRow("SELECT COUNT(*) FROM orders WHERE id = ? AND holder = ? AND look_at IS NOT NULL", id, o.holder)
		if err := row.Scan(&ours); err != nil || !ours {
			return err
		}
		if order, err = find(tx.QueryRow(byID, id)); err != nil {
			return err
		}
		order.Saga = change(order)
		order.Reason = order.Saga.Reason
		switch {
		case order.Saga.State == "compensated":
			order.Status = "cancelled"
		case order.Saga.passedThePivot():
			order.Status = "confirmed"
		}
		lookAt := sql.NullInt64{Int64: time.Now().Add(lease).UnixMilli(), Valid: order.Saga.Next() != ""}
		_, err := tx.Exec("UPDATE orders SET status = ?, reason = ?, state = ?, steps = ?, look_at = ? WHERE id = ?",
			order.Status, order.Reason, order.Saga.State, strings.Join(order.Saga.Statuses[:], " "), lookAt, id)
		return err
	})
	return order, ours, err
}

// GiveBack makes the order due again after a while, for whoever takes it up then.
func (o *Orders) GiveBack(id string, after time.Duration) error {
	_, err := o.db.Exec("UPDATE orders SET holder = '', look_at = ? WHERE id = ? AND holder = ?",
		time.Now().Add(after).UnixMilli(), id, o.holder)
	return err
}

const byID = "SELECT id, sku, amount, status, reason, request_id, state, steps, deadline FROM orders WHERE id = ?"

func find(row *sql.Row) (order Order, err error) {
	var statuses string
	var deadline int64
	err = row.Scan(&order.ID, &order.SKU, &order.Amount, &order.Status, &order.Reason, &order.RequestID,
		&order.Saga.State, &statuses, &deadline)
	copy(order.Saga.Statuses[:], strings.Fields(statuses))
	order.Saga.Reason, order.Deadline = order.Reason, time.UnixMilli(deadline)
	return order, err
}
