// Orders: whoever is a user may order.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

var users = NewUpstream("users", "USERS_URL", 1)

func main() {
	serve(
		Route{"GET", "/healthz", func(*http.Request) (int, any, error) { return 200, map[string]string{"status": "alive"}, nil }},
		Route{"GET", "/readyz", func(*http.Request) (int, any, error) {
			return 200, map[string]any{"status": "ready", "checks": map[string]string{}}, nil
		}},
		Route{"POST", "/orders", place},
	)
}

func place(r *http.Request) (int, any, error) {
	order, err := texts(r, "user_id", "item")
	if err != nil {
		return 0, nil, err
	}
	status, _, err := users.Ask(r.Context(), "GET", "/users/"+url.PathEscape(order["user_id"]), nil)
	if errors.Is(err, ErrUnavailable) {
		fmt.Println("error:", err)
		return 0, nil, problem(503, "users_unavailable", "Nobody can say whether this customer exists.")
	}
	if err == nil && status != 200 {
		err = problem(422, "unknown_user", "There is no such user.")
	}
	var random [16]byte
	if err == nil {
		_, err = rand.Read(random[:])
	}
	order["id"] = hex.EncodeToString(random[:])
	return 201, order, err
}
