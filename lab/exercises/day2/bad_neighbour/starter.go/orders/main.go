// Orders takes orders. Who places one is asked of the users service. The answers are right, but whoever orders waits behind
// our neighbour.
package main

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

func main() {
	// Knobs that wait for you: HTTP_TIMEOUT_MS, OUTBOUND_MAX.
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db}
	users := &Users{URL: strings.TrimRight(mustEnv("USERS_URL"), "/"), Client: &http.Client{Timeout: 5 * time.Second}}

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
	// TODO: /readyz should tell of trouble with users: a Check that is Optional makes it "degraded".
	serve(routes, Check{Name: "database", Test: db.PingContext})
}

// unavailable is not the client's fault, and worth another try: Retry-After says when.
func unavailable(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", "1")
	return problem(http.StatusServiceUnavailable, "users_unavailable", "Nobody can be asked who that is just now.")
}
