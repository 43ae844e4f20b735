// Orders shows what it knows of users, and has money withdrawn. One may be old, the other may not be wrong.
package main

import (
	"net/http"
	"strings"
	"time"
)

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
		user, err := replica.Find(r.Context(), id)
		if err != nil {
			return err
		}
		// TODO: is that so now? When was it so for certain, and how do we notice that we hear nothing any more?
		return reply(w, http.StatusOK, Summary{Name: user.Name, Balance: user.Balance, AsOf: time.Now().UTC()})
	}})
	routes.Handle("/withdrawals", methods{http.MethodPost: func(http.ResponseWriter, *http.Request) error {
		// TODO: only users knows the balance. And if it does not answer?
		return problem(http.StatusNotImplemented, "not_implemented", "Withdrawals are still to be written.")
	}})
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: consumer.Check, Optional: true},
	)
}
