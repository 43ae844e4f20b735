// The gateway on Go's standard library: a goroutine for each part of the page, one context for all.
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
	"sync"
	"syscall"
	"time"
)

var errUnknown = errors.New("unknown")

type gateway struct {
	users, reco, orders string
	timeout             time.Duration
	http                *http.Client
	memory              *memory
	mu                  sync.Mutex
	replaced            map[string]int
}

type page struct {
	User            json.RawMessage `json:"user"`
	Recommendations json.RawMessage `json:"recommendations"`
	Orders          json.RawMessage `json:"orders"`
	Degraded        []string        `json:"degraded"`
	Stale           bool            `json:"stale"`
}

// fetch gives the fields of a JSON object.
func (g *gateway) fetch(ctx context.Context, address string) (map[string]json.RawMessage, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	answer, err := g.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, nil, err
	}
	if answer.StatusCode == http.StatusNotFound {
		return nil, nil, errUnknown
	}
	if answer.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("answered %d", answer.StatusCode)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, nil, err
	}
	if fields == nil {
		return nil, nil, errors.New("answered null")
	}
	return fields, text, nil
}

func (g *gateway) items(ctx context.Context, address string) (json.RawMessage, error) {
	fields, _, err := g.fetch(ctx, address)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(fields["items"], &list); err != nil || list == nil {
		return nil, errors.New("no list of items")
	}
	return fields["items"], nil
}

// optional gives a part of the page: as it is, as it was, or empty.
func (g *gateway) optional(ctx context.Context, name, user, address string) (list json.RawMessage, replaced, stale bool) {
	list, err := g.items(ctx, address)
	if err == nil {
		g.memory.Keep(name+" "+user, list)
		return list, false, false
	}
	logLine("warn", name+" is replaced: "+err.Error())
	if list, stale = g.memory.Recall(name + " " + user); stale {
		return list, true, true
	}
	return json.RawMessage("[]"), true, false
}

func (g *gateway) home(w http.ResponseWriter, r *http.Request) {
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/home/"))
	if err != nil {
		problem(w, http.StatusNotFound, "unknown_user")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.timeout)
	defer cancel()

	var got page
	var userErr error
	var noReco, oldReco, noOrders, oldOrders bool
	var all sync.WaitGroup
	all.Add(3)
	go func() {
		defer all.Done()
		var text []byte
		_, text, userErr = g.fetch(ctx, g.users+"/users/"+url.PathEscape(id))
		got.User = text
	}()
	go func() {
		defer all.Done()
		got.Recommendations, noReco, oldReco = g.optional(ctx, "reco", id, g.reco+"/recommendations/"+url.PathEscape(id))
	}()
	go func() {
		defer all.Done()
		got.Orders, noOrders, oldOrders = g.optional(ctx, "orders", id, g.orders+"/orders?user_id="+url.QueryEscape(id))
	}()
	all.Wait()

	if errors.Is(userErr, errUnknown) {
		problem(w, http.StatusNotFound, "unknown_user")
		return
	}
	if userErr != nil {
		logLine("error", "users is down: "+userErr.Error())
		problem(w, http.StatusServiceUnavailable, "users_unavailable")
		return
	}
	got.Degraded = []string{}
	got.Stale = oldReco || oldOrders
	g.mu.Lock()
	if noReco {
		got.Degraded = append(got.Degraded, "reco")
		g.replaced["reco"]++
	}
	if noOrders {
		got.Degraded = append(got.Degraded, "orders")
		g.replaced["orders"]++
	}
	g.mu.Unlock()
	answer(w, http.StatusOK, "application/json", got)
}

func (g *gateway) metrics(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintln(w, "# TYPE fallback_total counter")
	for name, count := range g.replaced {
		fmt.Fprintf(w, "fallback_total{dependency=%q} %d\n", name, count)
	}
}

func answer(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code string) {
	answer(w, status, "application/problem+json",
		map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func logLine(level, message string) {
	line, _ := json.Marshal(map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": "gateway", "msg": message,
	})
	fmt.Println(string(line))
}

func number(name string, fallback float64) float64 {
	if n, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil {
		return n
	}
	return fallback
}

func main() {
	g := &gateway{
		users: os.Getenv("USERS_URL"), reco: os.Getenv("RECO_URL"), orders: os.Getenv("ORDERS_URL"),
		timeout:  time.Duration(number("HTTP_TIMEOUT_MS", 1000)) * time.Millisecond,
		memory:   NewMemory(time.Duration(number("STALE_MAX_S", 60) * float64(time.Second))),
		replaced: map[string]int{"reco": 0, "orders": 0},
		// A transport that reuses connections asks again by itself when one of them is cut.
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/home/", g.home)
	routes.HandleFunc("/metrics", g.metrics)
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, "application/json", map[string]any{"status": "alive"})
	})
	routes.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, "application/json", map[string]any{"status": "ready", "checks": map[string]any{}})
	})
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: routes}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		<-asked
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
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
