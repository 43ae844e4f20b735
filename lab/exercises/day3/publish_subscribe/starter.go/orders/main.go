// Orders takes orders from registered users. Who is one, the users service knows.
package main

import (
	"net/http"
	"time"
)

func main() {
	// Knobs that wait for you: AMQP_URL, PREFETCH.
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	book := &Orders{db: db}
	users := &Users{URL: mustEnv("USERS_URL"), Client: &http.Client{Timeout: 2 * time.Second}}

	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked OrderRequest
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		// TODO: know it ourselves. While users is down, nobody can order, not even those we have known for years.
		exists, err := users.Exists(r.Context(), asked.UserID, r.Header.Get("X-Request-ID"))
		if err != nil {
			return problem(http.StatusServiceUnavailable, "users_unavailable", "The users service does not answer.")
		}
		if !exists {
			return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", asked.UserID)
		}
		order, err := book.Place(r.Context(), asked)
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
