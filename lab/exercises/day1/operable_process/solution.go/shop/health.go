package main

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"strings"
)

// Two questions that are not the same: is the process alive, and can it do its work?
//
// Whoever asks the first one restarts the process if there is no answer. A restart repairs no database, so liveness does
// not ask for it: a database that is away for a minute would have all instances restarted, over and over. Whoever asks the
// second one sends no requests for as long as the answer is no.

func alive(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, map[string]string{"status": "alive"})
}

func readiness(address string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		code, status, said := http.StatusOK, "ready", "ok"
		if err := look(r.Context(), address); err != nil {
			code, status, said = http.StatusServiceUnavailable, "unready", err.Error()
		}
		return reply(w, code, map[string]any{"status": status, "checks": map[string]string{"database": said}})
	}
}

// look opens the file anew: a connection that is open goes on reading a file that has left its place. And it reads a table:
// SQLite answers SELECT 1 without looking at the file.
func look(ctx context.Context, address string) error {
	file := url.URL{Scheme: "file", Path: strings.TrimPrefix(address, "sqlite:///"), RawQuery: "mode=rw&_busy_timeout=1000"}
	db, err := sql.Open("sqlite3", file.String())
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT 1 FROM users LIMIT 1")
	if err != nil {
		return err
	}
	return rows.Close()
}
