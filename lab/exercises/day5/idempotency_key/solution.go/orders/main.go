// Orders takes orders and the money for them. A POST may be sent again under its key.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema+keysSchema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db}
	provider := &Provider{
		URL:    strings.TrimRight(mustEnv("PAYMENT_URL"), "/"),
		Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 1000)},
	}
	keys := &Keys{db: db, ttl: envSeconds("IDEMPOTENCY_TTL_S", 86_400), lease: envSeconds("IDEMPOTENCY_LEASE_S", 5)}
	placing := &Placing{orders: orders, keys: keys, provider: provider}

	list := func(w http.ResponseWriter, r *http.Request, userID string) error {
		found, err := orders.Of(r.Context(), userID)
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, map[string]any{"items": found})
	}
	note := func(w http.ResponseWriter, r *http.Request, userID string) error {
		var asked struct {
			Note string `json:"note"`
		}
		if err := read(r, &asked); err != nil {
			return err
		}
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/orders/"), "/note")
		order, err := orders.WriteNote(r.Context(), userID, id, asked.Note)
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}

	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: forUser(placing.place), http.MethodGet: forUser(list)})
	routes.Handle("/orders/", methods{http.MethodPut: forUser(note)})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}

// forUser tells next whose request it is. The gateway before us has checked it.
func forUser(next func(w http.ResponseWriter, r *http.Request, userID string) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		userID := r.Header.Get("X-User-ID")
		if userID == "" {
			return problem(http.StatusUnauthorized, "unauthenticated", "X-User-ID says who asks.")
		}
		return next(w, r, userID)
	}
}
