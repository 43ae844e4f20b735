// Payments charges what is ordered. Orders come in as events; HTTP shows what has been paid.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	payments := &Payments{db: db}
	charging := &Charging{
		Payments: payments,
		Provider: &Provider{
			URL:    strings.TrimRight(mustEnv("PAYMENT_URL"), "/"),
			Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
		},
	}
	consumer := &Consumer{
		URL:      mustEnv("AMQP_URL"),
		Name:     service,
		Queue:    "payments.order-created",
		Types:    []string{orderCreated},
		Prefetch: envInt("PREFETCH", 10),
		Handle:   charging.Handle,
	}
	defer inBackground(consumer.Run)()

	routes := http.NewServeMux()
	routes.Handle("/payments", methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		found, err := payments.Of(r.Context(), r.URL.Query().Get("order_id"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, map[string]any{"items": found})
	}})
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: consumer.Check, Optional: true},
	)
}
