// The gateway: users and orders to the outside, and the door where one logs in.
package main

import (
	"net/http"
	"net/url"
	"strings"
)

func main() {
	// Knobs that wait for you: RETRY_…, BREAKER_…, BULKHEAD_… and TOTAL_TIMEOUT_MS.
	timeout := envMillis("HTTP_TIMEOUT_MS", 2000)
	gateway := &Gateway{
		users:  NewUpstream("users", mustEnv("USERS_URL"), timeout),
		orders: NewUpstream("orders", mustEnv("ORDERS_URL"), 2*timeout), // orders asks users in turn, and has to hear from it
	}
	routes := http.NewServeMux()
	routes.Handle("/users/", methods{http.MethodGet: gateway.user})
	routes.Handle("/orders", methods{http.MethodPost: gateway.place})
	routes.Handle("/login", methods{http.MethodPost: gateway.login})
	serve(routes)
}

type Gateway struct {
	users, orders *Upstream
}

type Order struct {
	UserID string `json:"user_id"`
	Item   string `json:"item"`
}

type Login struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func (g *Gateway) user(w http.ResponseWriter, r *http.Request) error {
	id := strings.TrimPrefix(r.URL.Path, "/users/")
	return pass(w, r, g.users, http.MethodGet, "/users/"+url.PathEscape(id), nil)
}

func (g *Gateway) place(w http.ResponseWriter, r *http.Request) error {
	var order Order
	if err := read(r, &order); err != nil {
		return err
	}
	return pass(w, r, g.orders, http.MethodPost, "/orders", order)
}

func (g *Gateway) login(w http.ResponseWriter, r *http.Request) error {
	var login Login
	if err := read(r, &login); err != nil {
		return err
	}
	return pass(w, r, g.users, http.MethodPost, "/sessions", login)
}

// pass gives an answer on as it came; of its headers those that still mean the same one hop further.
func pass(w http.ResponseWriter, r *http.Request, upstream *Upstream, method, path string, body any) error {
	answer, err := upstream.Ask(r.Header.Get("X-Request-ID"), method, path, body)
	if err != nil {
		return problem(http.StatusServiceUnavailable, upstream.Name+"_unavailable", "%s does not answer.", upstream.Name)
	}
	for _, name := range []string{"Content-Type", "Retry-After"} {
		if value := answer.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(answer.Status)
	w.Write(answer.Body)
	return nil
}
