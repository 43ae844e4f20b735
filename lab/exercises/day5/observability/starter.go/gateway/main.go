// The gateway: users and orders to the outside, and the door where one logs in.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

var (
	users  = NewUpstream("users", "USERS_URL", 1)
	orders = NewUpstream("orders", "ORDERS_URL", 2) // orders asks users in turn, and has to hear from it
)

func main() {
	serve(
		Route{"GET", "/healthz", func(*http.Request) (int, any, error) { return 200, map[string]string{"status": "alive"}, nil }},
		Route{"GET", "/readyz", func(*http.Request) (int, any, error) {
			return 200, map[string]any{"status": "ready", "checks": map[string]string{}}, nil
		}},
		Route{"GET", "/users/{id}", user},
		Route{"POST", "/orders", place},
		Route{"POST", "/login", login},
	)
}

// TODO: whoever is woken at night sees these lines, and nothing else. And what they see here is a password.

func user(r *http.Request) (int, any, error) {
	fmt.Println("looking up", lastPart(r))
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
	fmt.Println("ordering", order)
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
	fmt.Println("login", given)
	status, session, err := ask(r.Context(), users, "POST", "/sessions", given)
	if err == nil && status != 201 {
		err = problem(401, "wrong_password", "E-mail and password do not fit.")
	}
	return 201, session, err
}

func ask(ctx context.Context, upstream *Upstream, method, path string, body any) (int, json.RawMessage, error) {
	status, found, err := upstream.Ask(ctx, method, path, body)
	if errors.Is(err, ErrUnavailable) {
		fmt.Println("error:", err)
		err = problem(503, upstream.Name+"_unavailable", upstream.Name+" does not answer.")
	}
	return status, found, err
}
