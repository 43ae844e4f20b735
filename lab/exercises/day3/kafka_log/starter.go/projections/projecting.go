package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// Projecting is what is done about an event: a mail if the order is on its way, and a line in its history.
type Projecting struct {
	Histories *Histories
	Mailer    *Mailer
}

// Handle returns ErrUnreadable for an event that trying again cannot help.
func (p *Projecting) Handle(ctx context.Context, event Event) error {
	var change struct {
		OrderID string `json:"order_id"`
		Entry
	}
	if err := json.Unmarshal(event.Data, &change); err != nil {
		return fmt.Errorf("%w: %v", ErrUnreadable, err)
	}
	if change.OrderID == "" || change.Version == 0 || change.Status == "" {
		return fmt.Errorf("%w: the event %s names no order, version and status", ErrUnreadable, event.ID)
	}
	if event.Type == "order.shipped" {
		if err := p.Mailer.Send(ctx, "order_shipped", change.OrderID, event); err != nil {
			return err
		}
	}
	return p.Histories.Add(ctx, change.OrderID, change.Entry)
}
