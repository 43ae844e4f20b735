// The catalog passes on what the layer says.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func main() {
	layer := mustEnv("CACHE_URL") + "/cache"
	client := &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 6000)}
	routes := http.NewServeMux()
	routes.HandleFunc("/products/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodPut {
			problem(w, http.StatusMethodNotAllowed, "method_not_allowed")
			return
		}
		asked, err := http.NewRequestWithContext(r.Context(), r.Method, layer+r.URL.EscapedPath(), r.Body)
		if err != nil {
			problem(w, http.StatusBadRequest, "invalid_request")
			return
		}
		asked.ContentLength = r.ContentLength
		asked.Header.Set("Content-Type", "application/json")
		asked.Header.Set("X-Request-ID", r.Header.Get("X-Request-ID"))
		answer, err := client.Do(asked)
		if err != nil {
			logLine("warn", "the layer is away", map[string]any{"error": err.Error()})
			problem(w, http.StatusServiceUnavailable, "cache_unavailable")
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || !strings.Contains(answer.Header.Get("Content-Type"), "json") {
			problem(w, http.StatusServiceUnavailable, "cache_unavailable")
			return
		}
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		w.Write(body)
	})
	serve(routes)
}
