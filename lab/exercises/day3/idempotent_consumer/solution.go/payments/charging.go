package main

import (
	"context"
	"encoding/json"
	"fmt"
)

const orderCreated = "order.created"

// Order is what an order.created says.
type Order struct {
	ID     string `json:"order_id"`
	Amount int64  `json:"amount"`
}

// orderOf reads an order.created; its error is ErrUnreadable.
func orderOf(event Event) (Order, error) {
	var order Order
	if err := json.Unmarshal(event.Data, &order); err != nil {
		return order, fmt.Errorf("%w: %v", ErrUnreadable, err)
	}
	if order.ID == "" || order.Amount <= 0 {
		return order, fmt.Errorf("%w: the event %s names no order and amount", ErrUnreadable, event.ID)
	}
	return order, nil
}

// Charging does three things, in this order: it charges under a key that is always the same; it writes down the payment
// and that the event was handled, both or neither; it acknowledges (that is the consumer's, after Handle has returned).
//
// A crash after any of them repeats what came before, and that does no harm: the provider knows the key, and the database
// refuses the second row. No transaction is open while the provider is asked.
type Charging struct {
	Payments *Payments
	Provider *Provider
}

// Handle charges for an order that was created. It may be called again, also at the same moment by another instance.
func (c *Charging) Handle(ctx context.Context, event Event) error {
	if event.Type != orderCreated {
		logLine("info", "ignored "+event.Type, map[string]any{"correlation_id": event.CorrelationID})
		return nil
	}
	order, err := orderOf(event)
	if err != nil {
		return err
	}
	// Looking only saves the provider a call. What decides is the key in the database: two instances may both look here
	// before either has written.
	if known, err := c.Payments.Handled(ctx, event.ID); known || err != nil {
		return err
	}
	decision, err := c.Provider.Charge(ctx, order.ID, order.Amount, event.CorrelationID)
	if err != nil {
		return err
	}
	paid := Payment{order.ID, order.Amount, decision.Status, decision.ChargeID}
	added, err := c.Payments.Add(ctx, event.ID, paid)
	if err == nil && !added {
		logLine("info", "order "+order.ID+" was charged already", map[string]any{"correlation_id": event.CorrelationID})
	}
	return err
}
