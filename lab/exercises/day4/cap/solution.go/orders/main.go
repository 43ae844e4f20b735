// Orders shows what it knows of users, and has money withdrawn. One may be old, the other may not be wrong.
package main

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// Summary is AP: there is always one, and it says how old it may be.
type Summary struct {
	Name    string    `json:"name"`
	Balance int64     `json:"balance"`
	Stale   bool      `json:"stale"`
	AsOf    time.Time `json:"as_of"`
}

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	replica := &Replica{db: db}
	authority := NewAuthority(mustEnv("USERS_URL"), envMillis("HTTP_TIMEOUT_MS", 500))
	staleAfter := envMillis("STALE_AFTER_MS", 1500)
	consumer := &Consumer{
		URL:      mustEnv("AMQP_URL"),
		Name:     service,
		Queue:    "orders.users",
		Types:    []string{"user.*"},
		Prefetch: envInt("PREFETCH", 10),
		Handle:   replica.Handle,
	}
	defer inBackground(consumer.Run)()

	routes := http.NewServeMux()
	routes.Handle("/users/", methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/users/"), "/summary")
		user, asOf, err := replica.Find(r.Context(), id)
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, Summary{
			Name: user.Name, Balance: user.Balance, Stale: time.Since(asOf) > staleAfter, AsOf: asOf,
		})
	}})
	// A withdrawal is CP: users says yes or no, or nobody does. Our copy of the balance is for showing only.
	routes.Handle("/withdrawals", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked WithdrawalRequest
		if err := read(r, &asked); err != nil {
			return err
		}
		key := r.Header.Get("Idempotency-Key")
		if err := asked.check(key); err != nil {
			return err
		}
		done, err := authority.Withdraw(r.Context(), asked, key, r.Header.Get("X-Request-ID"))
		if errors.Is(err, ErrPartitioned) {
			w.Header().Set("Retry-After", "1")
			return problem(http.StatusServiceUnavailable, "partitioned", "The users service cannot be reached. Try again.")
		}
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, done)
	}})
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: consumer.Check, Optional: true},
	)
}
