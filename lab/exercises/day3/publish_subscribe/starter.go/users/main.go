// Users registers people.
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
		// TODO: tell everybody that the user has registered
		return reply(w, http.StatusCreated, user)
	}})
	routes.Handle("/users/", methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		user, err := people.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/users/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, user)
	}})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
