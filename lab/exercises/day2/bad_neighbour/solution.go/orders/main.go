// Orders takes orders. Who places one is asked of the users service, and only that needs the neighbour, so only that
// suffers with it.
package main

import (
	"errors"
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db}
	users := NewUsers(mustEnv("USERS_URL"), envMillis("HTTP_TIMEOUT_MS", 500), envInt("OUTBOUND_MAX", 10))

	place := func(w http.ResponseWriter, r *http.Request) error {
		var asked NewOrder
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		requestID := r.Header.Get("X-Request-ID")
		known, err := users.Know(r.Context(), asked.UserID, requestID)
		if errors.Is(err, ErrUnavailable) {
			logLine("warn", err.Error(), map[string]any{"dependency": "users", "request_id": requestID})
			return unavailable(w)
		}
		if err != nil {
			return err
		}
		if !known {
			return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", asked.UserID)
		}
		order, err := orders.Store(r.Context(), asked)
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}
	list := func(w http.ResponseWriter, r *http.Request) error {
		found, err := orders.Of(r.Context(), r.URL.Query().Get("user_id"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, map[string]any{"items": found})
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		order, err := orders.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/orders/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}

	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: place, http.MethodGet: list})
	routes.Handle("/orders/", methods{http.MethodGet: show})
	// Without the database there is nothing to serve. Without users there still is all that was ordered before, so its
	// trouble is told (degraded) and nobody takes us out of service for it.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "users", Test: users.Check, Optional: true},
	)
}

// unavailable is not the client's fault, and worth another try: Retry-After says when.
func unavailable(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", "1")
	return problem(http.StatusServiceUnavailable, "users_unavailable", "Nobody can be asked who that is just now.")
}
