package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// PaymentDecided is what orders does when it hears what became of a payment; the consumer acknowledges afterwards.
func (o *Orders) PaymentDecided(ctx context.Context, event Event) error {
	id, err := orderIn(event)
	if err != nil {
		return err
	}
	// TODO: confirm or cancel the order, and announce that.
	logLine("info", event.Type+": order "+id, map[string]any{"correlation_id": event.CorrelationID})
	return nil
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
