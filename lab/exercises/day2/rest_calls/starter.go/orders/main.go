// Orders takes orders. Who places one is asked of the users service, over the network; so far it asks and hopes.
package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

func main() {
	// Knobs that wait for you: HTTP_TIMEOUT_MS, RETRY_ATTEMPTS.
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db}
	users := strings.TrimRight(mustEnv("USERS_URL"), "/")

	place := func(w http.ResponseWriter, r *http.Request) error {
		var asked NewOrder
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		// TODO: the neighbour may also answer 500, answer nonsense, answer never, or not be there. What then?
		// TODO: the request's id (X-Request-ID) goes with the question.
		answer, err := http.Get(users + "/users/" + url.PathEscape(asked.UserID))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusOK:
		case http.StatusNotFound:
			return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", asked.UserID)
		default:
			return fmt.Errorf("users answered %s", answer.Status)
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
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
