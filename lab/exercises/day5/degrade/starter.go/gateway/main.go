// The gateway answers GET /home/{user_id}: a page that is put together from users, reco and orders.
package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

func main() {
	// Knobs that wait for you: STALE_MAX_S.
	timeout := envMillis("HTTP_TIMEOUT_MS", 1000)
	users := NewUpstream(mustEnv("USERS_URL"), timeout)
	reco := NewUpstream(mustEnv("RECO_URL"), timeout)
	orders := NewUpstream(mustEnv("ORDERS_URL"), timeout)

	home := func(w http.ResponseWriter, r *http.Request) error {
		id, requestID := strings.TrimPrefix(r.URL.Path, "/home/"), r.Header.Get("X-Request-ID")
		missing := func(err error) error {
			return problem(http.StatusServiceUnavailable, "upstream_unavailable", "Something is missing: %v.", err)
		}
		// TODO: one of three is missing, and the whole page is. Which of them can the page do without, and how does it say
		// so? And must they really wait for each other?
		user, err := users.Get(r.Context(), "/users/"+url.PathEscape(id), requestID)
		if errors.Is(err, ErrNotThere) {
			return problem(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
		}
		if err != nil {
			return missing(err)
		}
		liked, err := reco.Get(r.Context(), "/recommendations/"+url.PathEscape(id), requestID)
		if err != nil {
			return missing(err)
		}
		placed, err := orders.Get(r.Context(), "/orders?user_id="+url.QueryEscape(id), requestID)
		if err != nil {
			return missing(err)
		}
		return reply(w, http.StatusOK, map[string]any{
			"user":            user,
			"recommendations": liked["items"],
			"orders":          placed["items"],
			"degraded":        []string{},
			"stale":           false,
		})
	}

	routes := http.NewServeMux()
	routes.Handle("/home/", methods{http.MethodGet: home})
	// TODO: GET /metrics. `NewCounter("fallback_total", "dependency")` of counter.go is a handler for it.
	serve(routes)
}
