package main

import "context"

// Outcomes hears how orders end; the consumer acknowledges after Hear has returned.
type Outcomes struct{ mailer *Mailer }

func (o *Outcomes) Hear(ctx context.Context, event Event) error {
	// TODO: one mail an order; one that can never be sent is put aside.
	logLine("info", event.Type+": "+string(event.Data), map[string]any{"correlation_id": event.CorrelationID})
	return nil
}
