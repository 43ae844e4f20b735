// Orders takes orders and tells everybody who wants to know. What becomes of an order, others decide when they hear of it.
package main

import "net/http"

type NewOrder struct {
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

type Order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

func main() {
	publisher, err := NewPublisher(mustEnv("AMQP_URL"), envMillis("CONFIRM_TIMEOUT_MS", 3000))
	orExit(err)

	// Requests run at the same time, each in a goroutine of its own.
	place := func(w http.ResponseWriter, r *http.Request) error {
		var asked NewOrder
		if err := read(r, &asked); err != nil {
			return err
		}
		if asked.UserID == "" || asked.Amount <= 0 {
			return invalid("An order has a user_id, and an amount of more than 0.")
		}
		order := Order{newID(), asked.UserID, asked.Amount}
		event, err := happened("/orders", "order.created", r.Header.Get("X-Request-ID"), map[string]any{
			"order_id": order.ID, "user_id": order.UserID, "amount": order.Amount,
		})
		if err != nil {
			return err
		}
		if err := publisher.Publish(r.Context(), event); err != nil {
			return problem(http.StatusServiceUnavailable, "broker_unavailable", "The order was not taken: %v.", err)
		}
		return reply(w, http.StatusCreated, order)
	}
	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: place})
	serve(routes, Check{Name: "broker", Test: publisher.Check, Optional: true})
}
