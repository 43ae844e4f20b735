// The gateway answers GET /home/{user_id}, a page from three services. Without the user there is no page; without the rest
// there is a poorer one.
package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// bestsellers are shown where nobody can say what this user would like. A constant is the one thing that is never down.
var bestsellers = []json.RawMessage{
	json.RawMessage(`{"id": "bestseller-1", "name": "Green tea, 95"}`),
	json.RawMessage(`{"id": "bestseller-2", "name": "Samarkand bread"}`),
}

func main() {
	timeout, oldest := envMillis("HTTP_TIMEOUT_MS", 1000), envSeconds("STALE_MAX_S", 60)
	gateway := &Gateway{
		users: NewUpstream(mustEnv("USERS_URL"), timeout),
		reco: &OptionalPart{
			Name: "reco", Upstream: NewUpstream(mustEnv("RECO_URL"), timeout), Memory: NewLastGood(oldest), Default: bestsellers,
		},
		orders: &OptionalPart{
			Name: "orders", Upstream: NewUpstream(mustEnv("ORDERS_URL"), timeout), Memory: NewLastGood(oldest), Default: []json.RawMessage{},
		},
		fallbacks: NewCounter("fallback_total", "dependency", "reco", "orders"),
	}
	routes := http.NewServeMux()
	routes.Handle("/home/", methods{http.MethodGet: gateway.home})
	routes.Handle("/metrics", gateway.fallbacks)
	serve(routes)
}

type Gateway struct {
	users        *Upstream
	reco, orders *OptionalPart
	fallbacks    *Counter
}

type Page struct {
	User            Object            `json:"user"`
	Recommendations []json.RawMessage `json:"recommendations"`
	Orders          []json.RawMessage `json:"orders"`
	Degraded        []string          `json:"degraded"`
	Stale           bool              `json:"stale"`
}

func (g *Gateway) home(w http.ResponseWriter, r *http.Request) error {
	id, requestID := strings.TrimPrefix(r.URL.Path, "/home/"), r.Header.Get("X-Request-ID")
	var user Object
	var noUser error
	var liked, placed Part
	// Side by side: one after the other, three timeouts would add up to the page's.
	ctx := r.Context()
	sideBySide(
		func() { user, noUser = g.users.Get(ctx, "/users/"+url.PathEscape(id), requestID) },
		func() { liked = g.reco.Of(ctx, id, "/recommendations/"+url.PathEscape(id), requestID) },
		func() { placed = g.orders.Of(ctx, id, "/orders?user_id="+url.QueryEscape(id), requestID) },
	)
	switch {
	case errors.Is(noUser, ErrNotThere):
		return problem(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
	case noUser != nil:
		w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "users_unavailable", "Without users there is no home page: %v.", noUser)
	}
	page := Page{User: user, Recommendations: liked.Items, Orders: placed.Items, Degraded: []string{}}
	for _, part := range []Part{liked, placed} {
		if part.Source != Fresh {
			page.Degraded = append(page.Degraded, part.Of)
			g.fallbacks.Add(part.Of)
		}
		page.Stale = page.Stale || part.Source == Stale
	}
	return reply(w, http.StatusOK, page)
}

func sideBySide(calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Add(1)
		go func(call func()) {
			defer all.Done()
			call()
		}(call)
	}
	all.Wait()
}
