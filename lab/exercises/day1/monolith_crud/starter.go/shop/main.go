// The shop in one process. So far it registers users, and forgets them when it stops.
package main

import (
	"net/http"
	"strings"
	"sync"
)

type User struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

func main() {
	// TODO: keep users and orders in the database: openDatabase(mustEnv("DATABASE_URL"), schema) of database.go opens one
	// that loses no updates, and inTransaction is for what belongs together.
	var lock sync.Mutex
	users := map[string]User{}

	register := func(w http.ResponseWriter, r *http.Request) error {
		var user User
		if err := read(r, &user); err != nil {
			return err
		}
		// TODO: created_at; an e-mail that is taken (return problem(409, "email_taken", "...")); what else may be wrong?
		user.ID = newID()
		lock.Lock()
		defer lock.Unlock()
		users[user.ID] = user
		return reply(w, http.StatusCreated, user)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		lock.Lock()
		defer lock.Unlock()
		user := users[strings.TrimPrefix(r.URL.Path, "/users/")] // TODO: and if there is none?
		return reply(w, http.StatusOK, user)
	}

	// TODO: GET /users with pages, PATCH and DELETE of a user; then /orders.
	routes := http.NewServeMux()
	routes.Handle("/users", methods{http.MethodPost: register})
	routes.Handle("/users/", methods{http.MethodGet: show})
	serve(routes) // with /healthz, /readyz, JSON logs and request ids
}
