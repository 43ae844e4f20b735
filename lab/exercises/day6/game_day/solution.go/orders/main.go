// Orders takes orders and shows them. The catalog knows the price; what becomes of an order is decided by events.
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
	catalog := NewCatalog(mustEnv("CATALOG_URL"), envMillis("HTTP_TIMEOUT_MS", 1000))
	book := &Orders{db: db, outbox: outbox, catalog: catalog}
	// One instance runs here, so the relay's holder is always the same.
	relay := &Relay{Outbox: outbox, URL: mustEnv("AMQP_URL"), Name: service, Holder: service}
	defer inBackground(relay.Run)()
	consumer := &Consumer{
		URL:      mustEnv("AMQP_URL"),
		Name:     service,
		Queue:    "orders.payment-result",
		Types:    []string{"payment.approved", "payment.declined"},
		Prefetch: envInt("PREFETCH", 10),
		Handle:   book.PaymentDecided,
	}
	defer inBackground(consumer.Run)()

	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked OrderRequest
		if err := read(r, &asked); err != nil {
			return err
		}
		order, err := book.Place(r.Context(), asked, r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}})
	show := methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		order, err := book.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/orders/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}}
	cancel := methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/orders/"), "/cancel")
		order, err := book.Cancel(r.Context(), id, r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}}
	routes.HandleFunc("/orders/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/cancel") {
			cancel.ServeHTTP(w, r)
		} else {
			show.ServeHTTP(w, r)
		}
	})
	// Without the broker we take orders all the same; their events wait in the outbox.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "publisher", Test: relay.Check, Optional: true},
		Check{Name: "consumer", Test: consumer.Check, Optional: true},
	)
}
