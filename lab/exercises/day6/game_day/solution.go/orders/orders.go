package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id         TEXT PRIMARY KEY,
	ref        TEXT NOT NULL UNIQUE,
	product_id TEXT NOT NULL,
	amount     INTEGER NOT NULL,
	status     TEXT NOT NULL,
	reason     TEXT NOT NULL
);`

type OrderRequest struct {
	Ref       string `json:"ref"`
	ProductID string `json:"product_id"`
}

func (o OrderRequest) check() error {
	if o.Ref == "" || len(o.Ref) > 64 {
		return invalid("ref has between 1 and 64 bytes.")
	}
	if o.ProductID == "" || len(o.ProductID) > 64 {
		return invalid("product_id has between 1 and 64 bytes.")
	}
	return nil
}

// An Order is pending until the payment is decided or the customer cancels; then it is confirmed or cancelled. Its Amount is
// what the product cost when it was ordered: the order does not change with the catalog.
type Order struct {
	ID        string `json:"id"`
	Ref       string `json:"ref"`
	ProductID string `json:"product_id"`
	Amount    int64  `json:"amount"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
}

type Orders struct {
	db      *sql.DB
	outbox  *Outbox
	catalog *Catalog
}

// Place saves a new order and, in the same transaction, that it is to be announced. requestID is that of whoever asks for it.
func (o *Orders) Place(ctx context.Context, asked OrderRequest, requestID string) (Order, error) {
	if err := asked.check(); err != nil {
		return Order{}, err
	}
	// Before the transaction: nobody waits for us with a lock.
	price, err := o.catalog.Price(ctx, asked.ProductID, requestID)
	if err != nil {
		return Order{}, err
	}
	order := Order{ID: newID(), Ref: asked.Ref, ProductID: asked.ProductID, Amount: price, Status: "pending"}
	event, err := happened("/orders", "order.created", requestID, map[string]any{
		"order_id": order.ID, "ref": order.Ref, "amount": order.Amount,
	})
	if err != nil {
		return Order{}, err
	}
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (id, ref, product_id, amount, status, reason) VALUES (?, ?, ?, ?, ?, ?)",
			order.ID, order.Ref, order.ProductID, order.Amount, order.Status, order.Reason)
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

const byID = "SELECT id, ref, product_id, amount, status, reason FROM orders WHERE id = ?"

func find(row *sql.Row, id string) (order Order, err error) {
	err = row.Scan(&order.ID, &order.Ref, &order.ProductID, &order.Amount, &order.Status, &order.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		err = problem(http.StatusNotFound, "unknown_order", "There is no order %s.", id)
	}
	return order, err
}
