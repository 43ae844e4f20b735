// The gateway: users and orders to the outside, and the door where one logs in.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

var (
	users  = NewUpstream("users", "USERS_URL", 1)
	orders = NewUpstream("orders", "ORDERS_URL", 2) // orders asks users in turn, and has to hear from it
)

func main() {
	serve(append(observed(users.Seen, orders.Seen),
		Route{"GET", "/users/{id}", user},
		Route{"POST", "/orders", place},
		Route{"POST", "/login", login},
	)...)
}

func user(r *http.Request) (int, any, error) {
	status, found, err := ask(r.Context(), users, "GET", "/users/"+lastPart(r), nil)
	if err == nil && status != 200 {
		err = problem(404, "unknown_user", "There is no such user.")
	}
	return 200, found, err
}

func place(r *http.Request) (int, any, error) {
	order, err := texts(r, "user_id", "item")
	if err != nil {
		return 0, nil, err
	}
	status, placed, err := ask(r.Context(), orders, "POST", "/orders", order)
	if err == nil && status != 201 {
		err = problem(422, "unknown_user", "There is no such user.")
	}
	return 201, placed, err
}

func login(r *http.Request) (int, any, error) {
	given, err := texts(r, "email", "password")
	if err != nil {
		return 0, nil, err
	}
	status, session, err := ask(r.Context(), users, "POST", "/sessions", given)
	if err == nil && status != 201 {
		err = problem(401, "wrong_password", "E-mail and password do not fit.")
	}
	return 201, session, err
}

func ask(ctx context.Context, upstream *Upstream, method, path string, body any) (int, json.RawMessage, error) {
	status, found, err := upstream.Ask(ctx, method, path, body)
	if errors.Is(err, ErrUnavailable) {
		err = problem(503, upstream.Name+"_unavailable", upstream.Name+" does not answer.")
	}
	return status, found, err
}
