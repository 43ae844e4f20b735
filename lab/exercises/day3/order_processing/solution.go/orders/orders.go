package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
)

// schema: what is known of users is a copy of our own, fed by events.
const schema = `
CREATE TABLE IF NOT EXISTS known_users (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS orders (
	id      TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,
	ref     TEXT NOT NULL UNIQUE,
	amount  INTEGER NOT NULL,
	status  TEXT NOT NULL,
	reason  TEXT NOT NULL
);`

type OrderRequest struct {
	UserID string `json:"user_id"`
	Ref    string `json:"ref"`
	Amount int64  `json:"amount"`
}

func (o OrderRequest) check() error {
	if o.UserID == "" || len(o.UserID) > 64 {
		return invalid("user_id has between 1 and 64 bytes.")
	}
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
	UserID string `json:"user_id"`
	Ref    string `json:"ref"`
	Amount int64  `json:"amount"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

type Orders struct {
	db     *sql.DB
	outbox *Outbox
}

// Place saves a new order of somebody we have heard of and, in the same transaction, that it is to be announced. requestID is that of whoever asks for it.
func (o *Orders) Place(ctx context.Context, asked OrderRequest, requestID string) (Order, error) {
	if err := asked.check(); err != nil {
		return Order{}, err
	}
	order := Order{ID: newID(), UserID: asked.UserID, Ref: asked.Ref, Amount: asked.Amount, Status: "pending"}
	event, err := happened("/orders", "order.created", requestID, map[string]any{
		"order_id": order.ID, "ref": order.Ref, "amount": order.Amount,
	})
	if err != nil {
		return Order{}, err
	}
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		if err := mustKnow(tx, order.UserID); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO orders (id, user_id, ref, amount, status, reason) VALUES (?, ?, ?, ?, ?, ?)",
			order.ID, order.UserID, order.Ref, order.Amount, order.Status, order.Reason)
		if err != nil {
			return err
		}
		return o.outbox.Add(tx, event)
	})
	if isTaken(err) {
		return Order{}, problem(http.StatusConflict, "duplicate_ref", "There is an order with ref %s already.", order.Ref)
	}
	if err == nil {
		logLine("info", "order "+order.ID+" is placed", map[string]any{"correlation_id": requestID})
	}
	return order, err
}

// Cancel takes an order back, while it is pending: a confirmed one is a purchase, and would need a return.
func (o *Orders) Cancel(ctx context.Context, id, requestID string) (order Order, err error) {
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		if order, err = find(tx.QueryRow(byID, id), id); err != nil {
			return err
		}
		ended, err := o.settle(tx, &order, "cancelled", "cancelled_by_customer", requestID)
		if err == nil && !ended {
			err = problem(http.StatusConflict, "already_"+order.Status, "Order %s is %s already.", id, order.Status)
		}
		return err
	})
	return order, err
}

// settle ends an order, unless it has ended. The new state and its event commit together.
//
// pending goes to confirmed or to cancelled, and neither goes anywhere else. So an event that comes twice, late or out of
// order finds the order ended and changes nothing: no other memory of events is needed here.
func (o *Orders) settle(tx *sql.Tx, order *Order, status, reason, correlationID string) (ended bool, err error) {
	if order.Status != "pending" {
		return false, nil
	}
	order.Status, order.Reason = status, reason
	if _, err := tx.Exec("UPDATE orders SET status = ?, reason = ? WHERE id = ?", status, reason, order.ID); err != nil {
		return false, err
	}
	event, err := happened("/orders", "order."+status, correlationID, map[string]any{
		"order_id": order.ID, "ref": order.Ref, "amount": order.Amount, "reason": reason,
	})
	if err != nil {
		return false, err
	}
	return true, o.outbox.Add(tx, event)
}

func (o *Orders) Find(ctx context.Context, id string) (Order, error) {
	return find(o.db.QueryRowContext(ctx, byID, id), id)
}

const byID = "SELECT id, user_id, ref, amount, status, reason FROM orders WHERE id = ?"

func find(row *sql.Row, id string) (order Order, err error) {
	err = row.Scan(&order.ID, &order.UserID, &order.Ref, &order.Amount, &order.Status, &order.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		err = problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	return order, err
}
