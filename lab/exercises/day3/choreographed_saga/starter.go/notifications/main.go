// Notifications writes to people about their orders. Only health is HTTP here: all that there is to do comes in as events.
package main

import (
	"net/http"
	"strings"
)

func main() {
	mailer := &Mailer{
		url:    strings.TrimRight(mustEnv("NOTIFY_URL"), "/"),
		client: http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	outcomes := &Outcomes{mailer: mailer}
	consumer := &Consumer{
		URL:      mustEnv("AMQP_URL"),
		Name:     service,
		Queue:    "notifications.order-outcome",
		Types:    []string{"order.confirmed", "order.cancelled"},
		Prefetch: envInt("PREFETCH", 10),
		Handle:   outcomes.Hear,
	}
	defer inBackground(consumer.Run)()
	serve(http.NewServeMux(), Check{Name: "consumer", Test: consumer.Check, Optional: true})
}
