// Notifications writes to people about their orders. All that there is to do comes in as events; HTTP is for the people who
// run this: health, and giving what was parked another chance.
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
		client: http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	queues := NewQueues("notifications.order-created", "order.created", envMillis("RETRY_DELAY_MS", 1000))
	consumer := &Consumer{
		URL:           mustEnv("AMQP_URL"),
		Queues:        queues,
		Prefetch:      envInt("PREFETCH", 10),
		MaxDeliveries: int64(envInt("MAX_DELIVERIES", 5)),
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
	defer inBackground(consumer.Run)()
	routes := http.NewServeMux()
	routes.Handle("/admin/dlq/replay", methods{http.MethodPost: (&Replay{URL: consumer.URL, Queues: queues}).Handle})
	serve(routes, Check{Name: "broker", Test: consumer.Check, Optional: true})
}
