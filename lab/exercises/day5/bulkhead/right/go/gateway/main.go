// The gateway on Go's standard library: a buffered channel for each compartment, one more around the process.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	errBusy    = errors.New("no place")
	errUnknown = errors.New("unknown")
)

// places is a compartment: whoever sends into it is in.
type places chan struct{}

func (p places) enter(ctx context.Context, patience time.Duration) error {
	select {
	case p <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return errBusy
	}
}

func (p places) leave() { <-p }

// neighbour is a service behind us, and how many calls may be with it.
type neighbour struct {
	name     string
	base     string
	places   places
	patience time.Duration
	timeout  time.Duration
	client   *http.Client
}

func (n *neighbour) get(ctx context.Context, path string) ([]byte, error) {
	if err := n.places.enter(ctx, n.patience); err != nil {
		return nil, err
	}
	defer n.places.leave()
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := n.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusNotFound:
		return nil, errUnknown
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %d", n.name, response.StatusCode)
	case !json.Valid(body):
		return nil, fmt.Errorf("%s answered what is not JSON", n.name)
	}
	return body, nil
}

func (n *neighbour) serve(w http.ResponseWriter, r *http.Request, path string) {
	body, err := n.get(r.Context(), path)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	case errors.Is(err, errBusy):
		busy(w)
	case errors.Is(err, errUnknown) && n.name == "users":
		problem(w, http.StatusNotFound, "unknown_user")
	default:
		logLine("warn", n.name+": "+err.Error())
		problem(w, http.StatusServiceUnavailable, n.name+"_unavailable")
	}
}

func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "2")
	problem(w, http.StatusServiceUnavailable, "busy")
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

// shed turns away what is over the limit of the whole process.
func shed(limit int, next http.Handler) http.Handler {
	process := make(places, limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case process <- struct{}{}:
			defer process.leave()
			next.ServeHTTP(w, r)
		default:
			busy(w)
		}
	})
}

func logLine(level, message string) {
	line, _ := json.Marshal(map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": "gateway", "msg": message,
	})
	fmt.Println(string(line))
}

func number(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

func millis(name string, fallback int) time.Duration {
	return time.Duration(number(name, fallback)) * time.Millisecond
}

func main() {
	behind := func(name, variable string, limit int) *neighbour {
		return &neighbour{
			name: name, base: os.Getenv(variable), places: make(places, limit),
			patience: millis("BULKHEAD_QUEUE_MS", 200), timeout: millis("HTTP_TIMEOUT_MS", 8000), client: &http.Client{},
		}
	}
	report := behind("report", "REPORT_URL", number("BULKHEAD_REPORT_MAX", 4))
	users := behind("users", "USERS_URL", number("BULKHEAD_USERS_MAX", 16))

	work := http.NewServeMux()
	work.HandleFunc("/report", func(w http.ResponseWriter, r *http.Request) { report.serve(w, r, "/report") })
	work.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		users.serve(w, r, "/users/"+url.PathEscape(strings.TrimPrefix(r.URL.Path, "/users/")))
	})
	routes := http.NewServeMux()
	routes.Handle("/", shed(number("MAX_INFLIGHT", 32), work))
	for _, path := range []string{"/healthz", "/readyz"} {
		routes.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"ready","checks":{}}`) })
	}

	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: routes}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			logLine("error", "cannot serve: "+err.Error())
			os.Exit(1)
		}
	}()
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.Background(), 9*time.Second)
	defer cancel()
	server.Shutdown(grace)
}
