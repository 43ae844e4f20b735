package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

var templates = map[string]string{"order.confirmed": "order_confirmed", "order.cancelled": "order_cancelled"}

// Outcomes hears how orders end; the consumer acknowledges after Hear has returned.
type Outcomes struct{ mailer *Mailer }

// Hear sends one mail an order: its id is the key. A mail that cannot be sent now is tried again; one that never can be is
// put aside for somebody to look at, and cancels nothing.
func (o *Outcomes) Hear(ctx context.Context, event Event) error {
	template, ours := templates[event.Type]
	if !ours {
		return nil
	}
	id, err := orderIn(event)
	if err != nil {
		return err
	}
	err = o.mailer.Send(ctx, id, template, id, event.CorrelationID)
	if errors.Is(err, ErrUndeliverable) {
		return fmt.Errorf("%w: %v", ErrUnreadable, err)
	}
	return err
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
