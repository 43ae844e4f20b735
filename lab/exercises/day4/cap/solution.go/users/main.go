// Users owns users and their money, and announces every change of them.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema+withdrawalsSchema+outboxSchema)
	orExit(err)
	defer db.Close()
	outbox := &Outbox{db: db}
	people := &Users{db: db, outbox: outbox}
	// One instance runs here, so the relay's holder is always the same.
	relay := &Relay{Outbox: outbox, URL: mustEnv("AMQP_URL"), Name: service, Holder: service}
	defer inBackground(relay.Run)()
	heartbeat := &Heartbeat{db: db, outbox: outbox, relay: relay, every: envMillis("HEARTBEAT_MS", 250)}
	defer inBackground(heartbeat.Run)()

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
	one := methods{
		http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
			user, err := people.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/users/"))
			if err != nil {
				return err
			}
			return reply(w, http.StatusOK, user)
		},
		http.MethodPatch: func(w http.ResponseWriter, r *http.Request) error {
			var asked Renaming
			if err := read(r, &asked); err != nil {
				return err
			}
			id := strings.TrimPrefix(r.URL.Path, "/users/")
			user, err := people.Rename(r.Context(), id, asked, r.Header.Get("X-Request-ID"))
			if err != nil {
				return err
			}
			return reply(w, http.StatusOK, user)
		},
	}
	withdraw := methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		wish, err := wishOf(r, strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/users/"), "/withdraw"))
		if err != nil {
			return err
		}
		done, err := people.Withdraw(r.Context(), wish)
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, done)
	}}
	routes.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/withdraw") {
			withdraw.ServeHTTP(w, r)
		} else {
			one.ServeHTTP(w, r)
		}
	})
	// Without the broker we register, rename and pay all the same; their events wait in the outbox.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: relay.Check, Optional: true},
	)
}
