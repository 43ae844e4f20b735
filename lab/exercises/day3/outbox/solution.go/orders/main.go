// Orders takes orders and announces them: both or neither. No handler here ever talks to the broker.
package main

import (
	"net/http"
	"os"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema+outboxSchema)
	orExit(err)
	defer db.Close()
	outbox := &Outbox{db: db}
	book := &Orders{db: db, outbox: outbox}
	holder := os.Getenv("INSTANCE_ID")
	if holder == "" {
		holder = newID()
	}
	relay := &Relay{Outbox: outbox, URL: mustEnv("AMQP_URL"), Name: service, Holder: holder}
	defer inBackground(relay.Run)()

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
	routes.Handle("/admin/outbox", methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		pending, err := outbox.Pending(r.Context())
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, map[string]int{"pending": pending})
	}})
	// Without the broker we take orders all the same; their events wait in the outbox.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: relay.Check, Optional: true},
	)
}
