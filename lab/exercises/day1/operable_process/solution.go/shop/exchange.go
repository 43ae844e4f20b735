package main

import (
	"fmt"
	"net/http"
	"time"
)

// quiet are asked every second by whoever watches: not worth a line.
var quiet = map[string]bool{"/healthz": true, "/readyz": true}

// exchange is around every request: it gets an id, gives it back in its answer, and leaves a line in the log.
func exchange(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-ID")
		if id == "" {
			id = "gen-" + newID()
			r.Header.Set("X-Request-ID", id)
		}
		w.Header().Set("X-Request-ID", id)
		began, answer := time.Now(), &remarked{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		if !quiet[r.URL.Path] {
			logLine("info", fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, answer.status), map[string]any{
				"request_id": id, "status": answer.status, "ms": time.Since(began).Milliseconds(),
			})
		}
	})
}

// remarked is an answer whose status is known afterwards.
type remarked struct {
	http.ResponseWriter
	status int
}

func (r *remarked) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
