// Notifications writes to people about their orders. No HTTP but health: all that there is to do comes in as events.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

func main() {
	mailer := &Mailer{
		url:    strings.TrimRight(mustEnv("NOTIFY_URL"), "/"),
		client: http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 20_000)},
	}
	// Knobs that wait for you: PREFETCH.
	consumer := &Consumer{
		URL:   mustEnv("AMQP_URL"),
		Queue: "notifications.order-created",
		Key:   "order.created",
		Handle: func(ctx context.Context, event Event) error {
			if event.Type != "order.created" {
				return nil
			}
			var order struct {
				ID     string `json:"order_id"`
				UserID string `json:"user_id"`
			}
			if err := json.Unmarshal(event.Data, &order); err != nil || order.ID == "" || order.UserID == "" {
				return fmt.Errorf("%w: the event %s names no order and user", ErrUnreadable, event.ID)
			}
			return mailer.Send(ctx, order.UserID, "order_created", order.ID, event.CorrelationID)
		},
	}
	go consumer.Run()
	serve(http.NewServeMux(), Check{Name: "broker", Test: consumer.Check, Optional: true})
}
