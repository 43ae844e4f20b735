// The gateway answers GET /report and GET /users/{id}, each from a service behind it.
package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

func main() {
	// Knobs that wait for you: BULKHEAD_REPORT_MAX, BULKHEAD_USERS_MAX, BULKHEAD_QUEUE_MS, MAX_INFLIGHT.
	timeout := envMillis("HTTP_TIMEOUT_MS", 8000)
	reports := NewUpstream(mustEnv("REPORT_URL"), timeout)
	users := NewUpstream(mustEnv("USERS_URL"), timeout)
	// TODO: which compartments does this process need, and which of them does a request pass through? Whoever finds no
	// place is told with busy(w).

	report := func(w http.ResponseWriter, r *http.Request) error {
		figures, err := reports.Get(r.Context(), "/report", r.Header.Get("X-Request-ID"))
		if err != nil {
			return problem(http.StatusServiceUnavailable, "report_unavailable", "There is no report: %v.", err)
		}
		return reply(w, http.StatusOK, figures)
	}
	user := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/users/")
		found, err := users.Get(r.Context(), "/users/"+url.PathEscape(id), r.Header.Get("X-Request-ID"))
		if errors.Is(err, ErrNotThere) {
			return problem(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
		}
		if err != nil {
			return problem(http.StatusServiceUnavailable, "users_unavailable", "Nobody can say who that is: %v.", err)
		}
		return reply(w, http.StatusOK, found)
	}

	routes := http.NewServeMux()
	routes.Handle("/report", methods{http.MethodGet: report})
	routes.Handle("/users/", methods{http.MethodGet: user})
	serve(routes)
}

// busy is what whoever finds no place is told.
func busy(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", "1")
	return problem(http.StatusServiceUnavailable, "busy", "Too much at once. Come back in a moment.")
}
