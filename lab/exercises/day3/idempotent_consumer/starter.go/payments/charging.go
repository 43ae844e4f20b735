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

// Charging is what is done about an order: charge, write it down. The consumer acknowledges after Handle has returned.
type Charging struct {
	Payments *Payments
	Provider *Provider
}

// Handle charges for an order that was created.
func (c *Charging) Handle(ctx context.Context, event Event) error {
	if event.Type != orderCreated {
		logLine("info", "ignored "+event.Type, map[string]any{"correlation_id": event.CorrelationID})
		return nil
	}
	order, err := orderOf(event)
	if err != nil {
		return err
	}
	// TODO: the same event may come twice, after a restart, or to two of us at the same moment.
	decision, err := c.Provider.Charge(ctx, order.ID, order.Amount, event.CorrelationID)
	if err != nil {
		return err
	}
	return c.Payments.Add(ctx, Payment{order.ID, order.Amount, decision.Status, decision.ChargeID})
}
