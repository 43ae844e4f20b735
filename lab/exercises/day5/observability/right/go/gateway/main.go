// The gateway on Go's standard library.
package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

func main() {
	timeout := milliseconds("HTTP_TIMEOUT_MS", 500)
	users := behind("users", "USERS_URL", timeout)
	orders := behind("orders", "ORDERS_URL", 2*timeout)

	routes := http.NewServeMux()
	routes.HandleFunc("/users/", seen("GET", "/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/users/"))
		status, user, err := users.call(r.Context(), "GET", "/users/"+url.PathEscape(id), nil)
		pass(w, "users", status, user, err, 200, 404, "unknown_user")
	}))
	routes.HandleFunc("/orders", seen("POST", "/orders", func(w http.ResponseWriter, r *http.Request) {
		var order map[string]any
		if json.NewDecoder(r.Body).Decode(&order) != nil {
			problem(w, 400, "invalid_request")
			return
		}
		status, placed, err := orders.call(r.Context(), "POST", "/orders", order)
		pass(w, "orders", status, placed, err, 201, 422, "unknown_user")
	}))
	routes.HandleFunc("/login", seen("POST", "/login", func(w http.ResponseWriter, r *http.Request) {
		var login struct {
			Email    string `json:"email"`
			Password string `json:"password"`
		}
		if json.NewDecoder(r.Body).Decode(&login) != nil {
			problem(w, 400, "invalid_request")
			return
		}
		status, session, err := users.call(r.Context(), "POST", "/sessions", login)
		pass(w, "users", status, session, err, 201, 401, "wrong_password")
	}))
	run(routes, users, orders)
}

// pass gives the answer of a neighbour on: as it is if it is the good one, else as the problem that it means.
func pass(w http.ResponseWriter, name string, status int, body json.RawMessage, err error, good, bad int, code string) {
	switch {
	case err != nil:
		problem(w, http.StatusServiceUnavailable, name+"_unavailable")
	case status == good:
		send(w, good, body)
	default:
		problem(w, bad, code)
	}
}
