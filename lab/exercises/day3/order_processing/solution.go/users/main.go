// Users registers people, and tells everybody who wants to know.
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
	people := &Users{db: db, outbox: outbox}
	// One instance runs here, so the relay's holder is always the same.
	relay := &Relay{Outbox: outbox, URL: mustEnv("AMQP_URL"), Name: service, Holder: service}
	defer inBackground(relay.Run)()

	routes := http.NewServeMux()
	routes.Handle("/users", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked Registration
		if err := read(r, &asked); err != nil {
			return err
		}
		user, err := people.Register(r.Context(), asked, r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, user)
	}})
	routes.Handle("/users/", methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		user, err := people.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/users/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, user)
	}})
	// Without the broker we still register people; what is to be told of them waits in the outbox.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: relay.Check, Optional: true},
	)
}
