// Orders on Go's standard library.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
)

type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Item   string `json:"item"`
}

func main() {
	users := behind("users", "USERS_URL", milliseconds("HTTP_TIMEOUT_MS", 500))
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", seen("POST", "/orders", func(w http.ResponseWriter, r *http.Request) {
		var placed order
		if json.NewDecoder(r.Body).Decode(&placed) != nil || placed.UserID == "" {
			problem(w, 400, "invalid_request")
			return
		}
		status, _, err := users.call(r.Context(), "GET", "/users/"+url.PathEscape(placed.UserID), nil)
		switch {
		case err != nil:
			problem(w, http.StatusServiceUnavailable, "users_unavailable")
		case status != 200:
			problem(w, http.StatusUnprocessableEntity, "unknown_user")
		default:
			var random [8]byte
			rand.Read(random[:])
			placed.ID = hex.EncodeToString(random[:])
			send(w, 201, placed)
		}
	}))
	run(routes, users)
}
