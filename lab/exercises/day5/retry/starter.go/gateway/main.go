// The gateway answers GET /users/{id} by asking the users service, once.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

func main() {
	// Knobs that wait for you: RETRY_ATTEMPTS, RETRY_BASE_MS, RETRY_CAP_MS, TOTAL_TIMEOUT_MS, RETRY_BUDGET.
	client := &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 4000)}
	users := strings.TrimRight(mustEnv("USERS_URL"), "/") + "/users/"

	routes := http.NewServeMux()
	routes.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.URL.Path, "/users/")
		// TODO: one attempt is all a request gets here. Which troubles are worth another one, when, and how many?
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, users+url.PathEscape(id), nil)
		if err != nil {
			problem(w, http.StatusBadRequest, "invalid_request", err.Error())
			return
		}
		request.Header.Set("X-Request-ID", r.Header.Get("X-Request-ID"))
		response, err := client.Do(request)
		if err != nil {
			problem(w, http.StatusServiceUnavailable, "users_unavailable", "users cannot be reached")
			return
		}
		defer response.Body.Close()
		if response.StatusCode >= 500 {
			problem(w, http.StatusServiceUnavailable, "users_unavailable", "users answered "+response.Status)
			return
		}
		w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		w.WriteHeader(response.StatusCode)
		io.Copy(w, response.Body)
	})
	serve(routes)
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
