// Orders takes orders and the money for them. Whoever sends a POST twice gets two orders so far.
package main

import (
	"database/sql"
	"net/http"
	"strings"
)

func main() {
	// Knobs that wait for you: IDEMPOTENCY_TTL_S, IDEMPOTENCY_LEASE_S.
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db}
	provider := &Provider{
		URL:    strings.TrimRight(mustEnv("PAYMENT_URL"), "/"),
		Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 1000)},
	}

	place := func(w http.ResponseWriter, r *http.Request, userID string) error {
		var asked NewOrder
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		// TODO: a client that got no answer sends this again, under the same Idempotency-Key.
		order := Order{ID: newID(), UserID: userID, SKU: asked.SKU, Amount: asked.Amount, Status: "paid"}
		decision, err := provider.Charge(r.Context(), order.ID, order.Amount, r.Header.Get("X-Request-ID"))
		if err != nil {
			return problem(http.StatusServiceUnavailable, "payment_unavailable", "The payment provider does not answer.")
		}
		if decision.Status == "declined" {
			return problem(http.StatusPaymentRequired, "payment_declined", "The payment was declined.")
		}
		order.ChargeID = decision.ChargeID
		err = inTransaction(r.Context(), db, func(tx *sql.Tx) error { return orders.Add(tx, order) })
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}
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
	routes.Handle("/orders", methods{http.MethodPost: forUser(place), http.MethodGet: forUser(list)})
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
