// Payments charges for orders. Only health is HTTP here: all else comes in as events, and goes out as events.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema+outboxSchema)
	orExit(err)
	defer db.Close()
	outbox := &Outbox{db: db}
	provider := &Provider{
		url:    strings.TrimRight(mustEnv("PAYMENT_URL"), "/"),
		client: http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	payments := &Payments{db: db, outbox: outbox, provider: provider}

	// One instance runs here, so the relay's holder is always the same.
	relay := &Relay{Outbox: outbox, URL: mustEnv("AMQP_URL"), Name: service, Holder: service}
	defer inBackground(relay.Run)()
	consumer := &Consumer{
		URL:      mustEnv("AMQP_URL"),
		Name:     service,
		Queue:    "payments.order-events",
		Types:    []string{"order.created", "order.cancelled"},
		Prefetch: envInt("PREFETCH", 10),
		Handle:   payments.Hear,
	}
	defer inBackground(consumer.Run)()
	serve(http.NewServeMux(),
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "publisher", Test: relay.Check, Optional: true},
		Check{Name: "consumer", Test: consumer.Check, Optional: true},
	)
}
