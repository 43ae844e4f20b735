// The gateway: users and orders to the outside, and the door where one logs in.
package main

import (
	"net/http"
	"net/url"
	"strings"
)

func main() {
	knobs := readKnobs()
	patient := knobs // orders tries users again in turn, and has to be heard when it has given up
	patient.Timeout = knobs.Total + knobs.Timeout
	patient.Total = patient.Timeout
	gateway := &Gateway{
		users:  NewUpstream("users", mustEnv("USERS_URL"), knobs),
		orders: NewUpstream("orders", mustEnv("ORDERS_URL"), patient),
		places: NewBulkhead(envInt("BULKHEAD_ORDERS_MAX", 8), envMillis("BULKHEAD_QUEUE_MS", 200)),
	}
	routes := http.NewServeMux()
	routes.Handle("/users/", observed("/users/{id}", methods{http.MethodGet: gateway.user}))
	routes.Handle("/orders", observed("/orders", methods{http.MethodPost: gateway.place}))
	routes.Handle("/login", observed("/login", methods{http.MethodPost: gateway.login}))
	routes.Handle("/", observed("unmatched", handler(unmatched)))
	routes.Handle("/metrics", figures)
	serve(routes, gateway.users.Check(), gateway.orders.Check())
}

type Gateway struct {
	users, orders *Upstream
	places        *Bulkhead
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
	leave, err := g.places.Enter(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "busy", "Too many orders at once. Come back in a moment.")
	}
	defer leave()
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
