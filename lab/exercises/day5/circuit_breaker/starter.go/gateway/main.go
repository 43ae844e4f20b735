// The gateway answers GET /order-view/{id}, the head of a customer's order page, from two services behind it.
package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

func main() {
	metrics := NewMetrics()
	upstream := func(name, variable string) *Upstream {
		return &Upstream{
			URL:     strings.TrimRight(mustEnv(variable), "/"),
			Timeout: envMillis("HTTP_TIMEOUT_MS", 1500),
			Breaker: &Breaker{
				Failures: envInt("BREAKER_FAILURES", 5),
				Reset:    envMillis("BREAKER_RESET_MS", 2000),
				Probes:   envInt("BREAKER_HALF_OPEN_MAX", 1),
				OnChange: metrics.Reporter(name),
			},
		}
	}
	users, reco := upstream("users", "USERS_URL"), upstream("reco", "RECO_URL")

	routes := http.NewServeMux()
	routes.Handle("/metrics", metrics)
	routes.HandleFunc("/order-view/", func(w http.ResponseWriter, r *http.Request) {
		id := url.PathEscape(strings.TrimPrefix(r.URL.Path, "/order-view/"))
		requestID := r.Header.Get("X-Request-ID")
		var user, liked map[string]any
		var noUser, noReco error
		sideBySide(
			func() { user, noUser = users.Get("/users/"+id, requestID) },
			func() { liked, noReco = reco.Get("/recommendations/"+id, requestID) },
		)
		if user == nil && noUser == nil {
			problem(w, http.StatusNotFound, "unknown_user", "There is no such user.")
			return
		}
		view := map[string]any{"user": nil, "recommendations": []any{}, "degraded": noUser != nil || noReco != nil}
		if noUser == nil {
			view["user"] = user
		}
		if items, ok := liked["items"]; ok && noReco == nil {
			view["recommendations"] = items
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(view)
	})
	serve(routes)
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

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
