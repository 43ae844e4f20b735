package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"sync"
	"time"
)

// What this process says of itself: a line for each thing that happens, figures for how often and how long, and the id that
// ties together what belongs to one request. It speaks of methods, routes and outcomes, never of what was sent.

var service = filepath.Base(os.Args[0])

// An id is carried by the request's context, so those of requests that are under way at the same time do not mix.
type idKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

var (
	logLock sync.Mutex
	logOut  = json.NewEncoder(os.Stdout)
)

// logLine writes one JSON object, whatever is in the texts.
func logLine(ctx context.Context, level, message string, more map[string]any) {
	line := map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": service, "msg": message,
	}
	if id := requestID(ctx); id != "" {
		line["request_id"] = id
	}
	for name, value := range more {
		line[name] = value
	}
	logLock.Lock()
	defer logLock.Unlock()
	logOut.Encode(line)
}

// bounds of the histogram, in seconds. A bucket counts all that took at most so long, so each holds those before it.
var bounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type durations struct {
	buckets [len(bounds)]uint64
	count   uint64
	sum     float64
}

// Figures are those of the whole process, each series by its name and labels.
type Figures struct {
	mu        sync.Mutex
	answers   map[string]uint64
	calls     map[string]uint64
	durations map[string]*durations
}

var figures = Figures{answers: map[string]uint64{}, calls: map[string]uint64{}, durations: map[string]*durations{}}

func (f *Figures) Answered(method, route string, status int, took time.Duration) {
	seconds := took.Seconds()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[fmt.Sprintf("method=%q,route=%q,status=\"%d\"", method, route, status)]++
	labels := fmt.Sprintf("method=%q,route=%q", method, route)
	seen := f.durations[labels]
	if seen == nil {
		seen = &durations{}
		f.durations[labels] = seen
	}
	for i, bound := range bounds {
		if seconds <= bound {
			seen.buckets[i]++
		}
	}
	seen.count++
	seen.sum += seconds
}

func (f *Figures) Called(dependency, outcome string, times uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[fmt.Sprintf("dependency=%q,outcome=%q", dependency, outcome)] += times
}

// Text is all of it in Prometheus' text format.
func (f *Figures) Text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out bytes.Buffer
	counter := func(name string, counts map[string]uint64) {
		fmt.Fprintf(&out, "# TYPE %s counter\n", name)
		for _, labels := range sorted(counts) {
			fmt.Fprintf(&out, "%s{%s} %d\n", name, labels, counts[labels])
		}
	}
	counter("http_requests_total", f.answers)
	counter("dependency_requests_total", f.calls)
	const name = "http_request_duration_seconds"
	fmt.Fprintf(&out, "# TYPE %s histogram\n", name)
	for _, labels := range sorted(f.durations) {
		seen := f.durations[labels]
		for i, bound := range bounds {
			fmt.Fprintf(&out, "%s_bucket{%s,le=\"%g\"} %d\n", name, labels, bound, seen.buckets[i])
		}
		fmt.Fprintf(&out, "%s_bucket{%s,le=\"+Inf\"} %d\n", name, labels, seen.count)
		fmt.Fprintf(&out, "%s_sum{%s} %g\n%s_count{%s} %d\n", name, labels, seen.sum, name, labels, seen.count)
	}
	return out.String()
}

func sorted[V any](series map[string]V) []string {
	names := make([]string, 0, len(series))
	for name := range series {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// A Dependency is how the calls to one service behind us end. /readyz tells of the last one, and so calls nobody itself.
type Dependency struct {
	name    string
	mu      sync.Mutex
	trouble string
}

// NewDependency begins with 0 for both outcomes: a rate needs a first value.
func NewDependency(name string) *Dependency {
	figures.Called(name, "ok", 0)
	figures.Called(name, "error", 0)
	return &Dependency{name: name}
}

// Ended is called with the error of each call, or with nil.
func (d *Dependency) Ended(ctx context.Context, err error) {
	outcome, trouble := "ok", ""
	if err != nil {
		outcome, trouble = "error", err.Error()
		logLine(ctx, "warn", d.name+" does not answer", map[string]any{"dependency": d.name, "reason": trouble})
	}
	figures.Called(d.name, outcome, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble = trouble
}

func (d *Dependency) check() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trouble == "" {
		return "ok"
	}
	return d.trouble
}

// observed are the routes by which machines look at us, every few seconds: neither news nor traffic.
func observed(dependencies ...*Dependency) []Route {
	return []Route{
		{"GET", "/healthz", func(*http.Request) (int, any, error) { return 200, map[string]string{"status": "alive"}, nil }},
		{"GET", "/readyz", func(*http.Request) (int, any, error) {
			// Degraded is still 200: taken out of traffic for its neighbour's sake, it could not answer anything.
			status, checks := "ready", map[string]string{}
			for _, one := range dependencies {
				checks[one.name] = one.check()
				if checks[one.name] != "ok" {
					status = "degraded"
				}
			}
			return 200, map[string]any{"status": status, "checks": checks}, nil
		}},
		{"GET", "/metrics", func(*http.Request) (int, any, error) { return 200, figures.Text(), nil }},
	}
}

var (
	quiet      = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}
	usual      = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}
	acceptable = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)
)

// exchange is around every request: it takes the id in and gives it out again, counts the request and writes its line. Of
// paths that we do not have there is no end, so they share a route.
func exchange(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (route string, status int)) {
	id := r.Header.Get("X-Request-ID")
	if !acceptable.MatchString(id) {
		var random [16]byte
		rand.Read(random[:])
		id = "gen-" + hex.EncodeToString(random[:])
	}
	w.Header().Set("X-Request-ID", id)
	ctx := context.WithValue(r.Context(), idKey{}, id)
	began := time.Now()
	route, status := answer(r.WithContext(ctx))
	took := time.Since(began)
	if quiet[route] {
		return
	}
	if route == "" {
		route = "unmatched"
	}
	method := r.Method
	if !usual[method] {
		method = "OTHER"
	}
	figures.Answered(method, route, status, took)
	logLine(ctx, "info", fmt.Sprintf("%s %s %d", method, route, status), map[string]any{
		"method": method, "route": route, "status": status, "ms": took.Milliseconds(),
	})
}
