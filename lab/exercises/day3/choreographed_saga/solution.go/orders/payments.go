package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// settledBy is what each decision makes of a pending order, and the reason.
var settledBy = map[string]struct{ status, reason string }{
	"payment.approved": {"confirmed", ""},
	"payment.declined": {"cancelled", "payment_declined"},
}

// PaymentDecided is what orders does when it hears what became of a payment; the consumer acknowledges afterwards.
//
// An order that has ended stays as it is. If it was cancelled while its payment was under way, payments hears of the
// cancelling, too, and gives the money back: nothing is left to do here.
func (o *Orders) PaymentDecided(ctx context.Context, event Event) error {
	end, ours := settledBy[event.Type]
	if !ours {
		return nil
	}
	id, err := orderIn(event)
	if err != nil {
		return err
	}
	return inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		order, err := find(tx.QueryRow(byID, id), id)
		var unknown *Problem
		if errors.As(err, &unknown) {
			// Our orders are here before anybody hears of them. Waiting for this one would be waiting for ever.
			return fmt.Errorf("%w: %s of an order %s that we never had", ErrUnreadable, event.Type, id)
		}
		if err != nil {
			return err
		}
		ended, err := o.settle(tx, &order, end.status, end.reason, event.CorrelationID)
		if err == nil && !ended {
			logLine("info", event.Type+" came too late: order "+id+" is "+order.Status, nil)
		}
		return err
	})
}

// orderIn is the order that the event is about; its error is ErrUnreadable.
func orderIn(event Event) (string, error) {
	var data struct {
		OrderID string `json:"order_id"`
	}
	if err := json.Unmarshal(event.Data, &data); err != nil || data.OrderID == "" {
		return "", fmt.Errorf("%w: the event %s names no order", ErrUnreadable, event.ID)
	}
	return data.OrderID, nil
}
