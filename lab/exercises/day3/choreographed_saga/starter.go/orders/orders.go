package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id     TEXT PRIMARY KEY,
	ref    TEXT NOT NULL UNIQUE,
	amount INTEGER NOT NULL,
	status TEXT NOT NULL,
	reason TEXT NOT NULL
);`

type OrderRequest struct {
	Ref    string `json:"ref"`
	Amount int64  `json:"amount"`
}

func (o OrderRequest) check() error {
	if o.Ref == "" || len(o.Ref) > 64 {
		return invalid("ref has between 1 and 64 bytes.")
	}
	if o.Amount <= 0 {
		return invalid("amount is more than 0.")
	}
	return nil
}

// An Order is pending until the payment is decided or the customer cancels; then it is confirmed or cancelled.
type Order struct {
	ID     string `json:"id"`
	Ref    string `json:"ref"`
	Amount int64  `json:"amount"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

type Orders struct {
	db     *sql.DB
	outbox *Outbox
}

// Place saves a new order and, in the same transaction, that it is to be announced. requestID is that of whoever asks for it.
func (o *Orders) Place(ctx context.Context, asked OrderRequest, requestID string) (Order, error) {
	if err := asked.check(); err != nil {
		return Order{}, err
	}
	order := Order{ID: newID(), Ref: asked.Ref, Amount: asked.Amount, Status: "pending"}
	event, err := happened("/orders", "order.created", requestID, map[string]any{
		"order_id": order.ID, "ref": order.Ref, "amount": order.Amount,
	})
	if err != nil {
		return Order{}, err
	}
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (id, ref, amount, status, reason) VALUES (?, ?, ?, ?, ?)",
			order.ID, order.Ref, order.Amount, order.Status, order.Reason)
		if err != nil {
			return err
		}
		return o.outbox.Add(tx, event)
	})
	if isTaken(err) {
		return Order{}, problem(http.StatusConflict, "duplicate_ref", "There is an order with ref %s already.", order.Ref)
	}
	return order, err
}

// Cancel takes an order back, once.
//
// TODO: only a pending order can be cancelled. And who gives the money back?
func (o *Orders) Cancel(ctx context.Context, id, requestID string) (Order, error) {
	event, err := happened("/orders", "order.cancelled", requestID, map[string]any{"order_id": id})
	if err != nil {
		return Order{}, err
	}
	var order Order
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		if order, err = find(tx.QueryRow(byID, id), id); err != nil {
			return err
		}
		if order.Status == "cancelled" {
			return problem(http.StatusConflict, "already_cancelled", "Order %s is cancelled already.", id)
		}
		order.Status = "cancelled"
		if _, err := tx.Exec("UPDATE orders SET status = ? WHERE id = ?", order.Status, id); err != nil {
			return err
		}
		return o.outbox.Add(tx, event)
	})
	return order, err
}

func (o *Orders) Find(ctx context.Context, id string) (Order, error) {
	return find(o.db.QueryRowContext(ctx, byID, id), id)
}

const byID = "SELECT id, ref, amount, status, reason FROM orders WHERE id = ?"

func find(row *sql.Row, id string) (order Order, err error) {
	err = row.Scan(&order.ID, &order.Ref, &order.Amount, &order.Status, &order.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		err = problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	return order, err
}
