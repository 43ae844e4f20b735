package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Everything about being seen, and about calling somebody: the two services share this file.

type key struct{}

func idOf(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

var lines sync.Mutex

func logLine(ctx context.Context, level, message string, more map[string]any) {
	line := map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": os.Getenv("SERVICE_NAME"),
		"msg": message, "request_id": idOf(ctx),
	}
	for name, value := range more {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	lines.Lock()
	defer lines.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

var bounds = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 5}

type durations struct {
	below []uint64
	count uint64
	sum   float64
}

var (
	figures  sync.Mutex
	counters = map[string]uint64{}
	spans    = map[string]*durations{}
)

func count(series string) {
	figures.Lock()
	defer figures.Unlock()
	counters[series]++
}

func observe(labels string, seconds float64) {
	figures.Lock()
	defer figures.Unlock()
	found := spans[labels]
	if found == nil {
		found = &durations{below: make([]uint64, len(bounds))}
		spans[labels] = found
	}
	for i, bound := range bounds {
		if seconds <= bound {
			found.below[i]++
		}
	}
	found.count++
	found.sum += seconds
}

func metrics(w http.ResponseWriter, _ *http.Request) {
	figures.Lock()
	defer figures.Unlock()
	var out bytes.Buffer
	series := make([]string, 0, len(counters))
	for one := range counters {
		series = append(series, one)
	}
	sort.Strings(series)
	for _, one := range series {
		fmt.Fprintf(&out, "%s %d\n", one, counters[one])
	}
	const name = "http_request_duration_seconds"
	fmt.Fprintf(&out, "# TYPE %s histogram\n", name)
	for labels, found := range spans {
		for i, bound := range bounds {
			fmt.Fprintf(&out, "%s_bucket{%s,le=\"%g\"} %d\n", name, labels, bound, found.below[i])
		}
		fmt.Fprintf(&out, "%s_bucket{%s,le=\"+Inf\"} %d\n", name, labels, found.count)
		fmt.Fprintf(&out, "%s_sum{%s} %g\n%s_count{%s} %d\n", name, labels, found.sum, name, labels, found.count)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	w.Write(out.Bytes())
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// seen is what goes around every handler: the id, the count, the line. The route is given, so no path gets into a label.
func seen(method, route string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-ID")
		if id == "" {
			var random [12]byte
			rand.Read(random[:])
			id = hex.EncodeToString(random[:])
		}
		ctx := context.WithValue(r.Context(), key{}, id)
		w.Header().Set("X-Request-ID", id)
		began, recorder := time.Now(), &statusWriter{w, http.StatusOK}
		asked := r.Method
		if method != "" && r.Method != method {
			asked = "other"
			problem(recorder, http.StatusMethodNotAllowed, "method_not_allowed")
		} else {
			if method == "" {
				asked = "any"
			}
			next(recorder, r.WithContext(ctx))
		}
		seconds := time.Since(began).Seconds()
		count(fmt.Sprintf("http_requests_total{method=%q,route=%q,status=\"%d\"}", asked, route, recorder.status))
		observe(fmt.Sprintf("method=%q,route=%q", asked, route), seconds)
		logLine(ctx, "info", asked+" "+route, map[string]any{"status": recorder.status, "ms": int(seconds * 1000)})
	}
}

// neighbour is a service behind us, and how the last call to it ended.
type neighbour struct {
	name, base string
	timeout    time.Duration
	mu         sync.Mutex
	trouble    string
}

var errFailed = errors.New("no usable answer")

func (n *neighbour) call(ctx context.Context, method, path string, body any) (int, json.RawMessage, error) {
	status, answer, err := n.fetch(ctx, method, path, body)
	outcome, trouble := "ok", ""
	if err != nil {
		outcome, trouble = "error", "the last call failed"
		logLine(ctx, "warn", n.name+" failed", map[string]any{"dependency": n.name})
	}
	count(fmt.Sprintf("dependency_requests_total{dependency=%q,outcome=%q}", n.name, outcome))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trouble = trouble
	return status, answer, err
}

func (n *neighbour) fetch(ctx context.Context, method, path string, body any) (int, json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, _ := json.Marshal(body)
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, n.base+path, content)
	if err != nil {
		return 0, nil, errFailed
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", idOf(ctx))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, errFailed
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var object map[string]json.RawMessage
	if err != nil || response.StatusCode >= 500 || json.Unmarshal(text, &object) != nil || object == nil {
		return 0, nil, errFailed
	}
	return response.StatusCode, text, nil
}

func ready(neighbours ...*neighbour) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		checks, said := map[string]any{}, "ready"
		for _, one := range neighbours {
			one.mu.Lock()
			checks[one.name] = "ok"
			if one.trouble != "" {
				checks[one.name], said = map[string]string{"error": one.trouble}, "degraded"
			}
			one.mu.Unlock()
		}
		send(w, http.StatusOK, map[string]any{"status": said, "checks": checks})
	}
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func milliseconds(name string, fallback int) time.Duration {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		fallback = n
	}
	return time.Duration(fallback) * time.Millisecond
}

func run(routes *http.ServeMux, neighbours ...*neighbour) {
	routes.HandleFunc("/metrics", metrics)
	routes.HandleFunc("/readyz", ready(neighbours...))
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, map[string]string{"status": "alive"}) })
	routes.HandleFunc("/", seen("", "other", func(w http.ResponseWriter, _ *http.Request) { problem(w, 404, "not_found") }))
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: routes}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.Background(), 9*time.Second)
	defer cancel()
	server.Shutdown(grace)
}

func behind(name, variable string, timeout time.Duration) *neighbour {
	return &neighbour{name: name, base: strings.TrimRight(os.Getenv(variable), "/"), timeout: timeout}
}
