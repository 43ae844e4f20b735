// Users registers people, and tells everybody who wants to know.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	people := &Users{db: db}
	announcer := StartAnnouncer(mustEnv("AMQP_URL"), service)
	defer announcer.Stop()

	routes := http.NewServeMux()
	routes.Handle("/users", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked Registration
		if err := read(r, &asked); err != nil {
			return err
		}
		user, err := people.Register(r.Context(), asked)
		if err != nil {
			return err
		}
		event, err := happened("/users", "user.registered", r.Header.Get("X-Request-ID"), map[string]string{
			"user_id": user.ID, "email": user.Email, "name": user.Name,
		})
		if err != nil {
			return err
		}
		announcer.Announce(event)
		return reply(w, http.StatusCreated, user)
	}})
	routes.Handle("/users/", methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		user, err := people.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/users/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, user)
	}})
	// Without the broker we still register people: degraded, not unready.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: announcer.Check, Optional: true},
	)
}
