// The gateway answers GET /report and GET /users/{id}, each from a service behind it.
package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

func main() {
	timeout := envMillis("HTTP_TIMEOUT_MS", 8000)
	reports := NewUpstream(mustEnv("REPORT_URL"), timeout)
	users := NewUpstream(mustEnv("USERS_URL"), timeout)
	// One compartment for each service behind us, and around both the hull: what this process can hold at all. Whoever is
	// over that is turned away at once, before anything is done for it. /healthz passes through none of them.
	patience := envMillis("BULKHEAD_QUEUE_MS", 200)
	hull := NewBulkhead(envInt("MAX_INFLIGHT", 32), 0)
	reportPlaces := NewBulkhead(envInt("BULKHEAD_REPORT_MAX", 4), patience)
	usersPlaces := NewBulkhead(envInt("BULKHEAD_USERS_MAX", 16), patience)

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
	routes.Handle("/report", methods{http.MethodGet: within(hull, within(reportPlaces, report))})
	routes.Handle("/users/", methods{http.MethodGet: within(hull, within(usersPlaces, user))})
	serve(routes)
}

// within has a place for each request that next answers, and gives it back however that ends.
func within(places *Bulkhead, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		leave, err := places.Enter(r.Context())
		if err != nil {
			return busy(w)
		}
		defer leave()
		return next(w, r)
	}
}

// busy is what whoever finds no place is told.
func busy(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", "1")
	return problem(http.StatusServiceUnavailable, "busy", "Too much at once. Come back in a moment.")
}
