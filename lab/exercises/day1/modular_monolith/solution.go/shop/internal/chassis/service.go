// Package chassis is what the modules share with each other and with any other service. It knows none of them, and stores
// nothing.
package chassis

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

func MustEnv(name string) string {
	value := os.Getenv(name)
	if value == "" {
		fmt.Fprintf(os.Stderr, "%s cannot start: %s is not set\n", service, name)
		os.Exit(2)
	}
	return value
}

// OrExit ends a service that cannot start.
func OrExit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s cannot start: %v\n", service, err)
		os.Exit(1)
	}
}

func EnvInt(name string, fallback int) int {
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

var (
	logLock sync.Mutex
	logOut  = json.NewEncoder(os.Stdout)
)

func LogLine(level, message string, more map[string]any) {
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

// Serve answers on HOST:PORT until SIGTERM or SIGINT, then finishes what is under way.
func Serve(routes *http.ServeMux, checks ...Check) {
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
		Addr:              net.JoinHostPort(host, strconv.Itoa(EnvInt("PORT", 8000))),
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
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestID{}, id)))
	})
}

type requestID struct{}

// RequestID is that of the request which ctx belongs to: it goes with every question to others.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}
