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

// orExit ends a service that cannot start.
func orExit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s cannot start: %v\n", service, err)
		os.Exit(1)
	}
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

// envSeconds may be a fraction: CACHE_TTL_S=0.5.
func envSeconds(name string, fallback float64) time.Duration {
	number := fallback
	if text := os.Getenv(name); text != "" {
		var err error
		if number, err = strconv.ParseFloat(text, 64); err != nil {
			fmt.Fprintf(os.Stderr, "%s cannot start: %s=%q is not a number\n", service, name, text)
			os.Exit(2)
		}
	}
	return time.Duration(number * float64(time.Second))
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

// A Check tells /readyz what is wrong with something that the service uses, or nothing. Without what is Optional the
// service still does a part of its work.
type Check struct {
	Name     string
	Test     func(context.Context) error
	Optional bool
}

// serve answers on HOST:PORT until SIGTERM or SIGINT, then finishes what is under way.
func serve(routes *http.ServeMux, checks ...Check) {
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"status":"alive"}`))
	})
	routes.HandleFunc("/readyz", readiness(checks))

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

func readiness(checks []Check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code, status, said := http.StatusOK, "ready", map[string]string{}
		for _, check := range checks {
			said[check.Name] = "ok"
			err := check.Test(r.Context())
			switch {
			case err == nil:
				continue
			case !check.Optional:
				code, status = http.StatusServiceUnavailable, "unready"
			case code == http.StatusOK:
				status = "degraded"
			}
			said[check.Name] = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(map[string]any{"status": status, "checks": said})
	}
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

// inBackground runs work until the function that it returns is called, which waits for its end.
func inBackground(work func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// pause waits, at most until ctx is done.
func pause(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
