// orders: POST /orders, for customers who exist.
package main

import (
	"net/http"
	"net/url"
)

func main() {
	// Knobs that wait for you: RETRY_…, BREAKER_… and TOTAL_TIMEOUT_MS. And RECO_URL.
	orders := &Orders{users: NewUpstream("users", mustEnv("USERS_URL"), envMillis("HTTP_TIMEOUT_MS", 2000))}
	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: orders.place})
	serve(routes)
}

type Orders struct {
	users *Upstream
}

type Order struct {
	UserID string `json:"user_id"`
	Item   string `json:"item"`
}

type Placed struct {
	ID string `json:"id"`
	Order
}

func (o *Orders) place(w http.ResponseWriter, r *http.Request) error {
	var order Order
	if err := read(r, &order); err != nil {
		return err
	}
	answer, err := o.users.Ask(r.Header.Get("X-Request-ID"), http.MethodGet, "/users/"+url.PathEscape(order.UserID), nil)
	if err != nil {
		return problem(http.StatusServiceUnavailable, "users_unavailable", "Nobody can say whether this customer exists.")
	}
	if answer.Status != http.StatusOK {
		return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", order.UserID)
	}
	return reply(w, http.StatusCreated, Placed{newID(), order})
}
