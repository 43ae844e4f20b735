package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// What every service needs, whatever it is for: environment, log lines, health, request ids, a clean stop.

var service = filepath.Base(os.Args[0])

func mustEnv(name string) string {
	value := os.Getenv(name)
	if value == "" {
		fmt.Fprintf(os.Stderr, "%s cannot start: %s is not set\n", service, name)
		os.Exit(2)
	}
	return value
}

func envInt(name string, fallback int) int {
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s cannot start: %s=%q is not a whole number\n", service, name, text)
		os.Exit(2)
	}
	return number
}

func envMillis(name string, fallback int) time.Duration {
	return time.Duration(envInt(name, fallback)) * time.Millisecond
}

var (
	logLock sync.Mutex
	logOut  = json.NewEncoder(os.Stdout)
)

func logLine(level, message string, more map[string]any) {
	line := map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": service, "msg": message,
	}
	for key, value := range more {
		line[key] = value
	}
	logLock.Lock()
	defer logLock.Unlock()
	logOut.Encode(line)
}

// serve answers on HOST:PORT until SIGTERM or SIGINT, then finishes what is under way.
func serve(routes *http.ServeMux) {
	status := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(body))
		}
	}
	routes.HandleFunc("/healthz", status(`{"status":"alive"}`))
	routes.HandleFunc("/readyz", status(`{"status":"ready","checks":{}}`))

	host := os.Getenv("HOST")
	if host == "" {
		host = "127.0.0.1"
	}
	server := &http.Server{
		Addr:              net.JoinHostPort(host, strconv.Itoa(envInt("PORT", 8000))),
		Handler:           withRequestID(routes),
		ReadHeaderTimeout: 5 * time.Second,
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	stopped := make(chan struct{})
	go func() {
		<-asked
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		server.Shutdown(ctx)
		close(stopped)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-stopped
}

// withRequestID gives every request an id, ours if it came without one, and gives it out again.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-ID")
		if id == "" {
			var random [16]byte
			rand.Read(random[:])
			id = "gen-" + hex.EncodeToString(random[:])
			r.Header.Set("X-Request-ID", id)
		}
		w.Header().Set("X-Request-ID", id)
		next.ServeHTTP(w, r)
	})
}
