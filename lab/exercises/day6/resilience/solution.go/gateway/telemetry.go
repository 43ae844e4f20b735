package main

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// What this process says of itself: figures for how often and how long, and a line for each request. It speaks of
// methods, routes and outcomes, never of what was sent.

var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// Figures are counters and gauges by name and labels, and one histogram. They print themselves for /metrics.
type Figures struct {
	mu      sync.Mutex
	values  map[string]float64 // by series: name{labels}
	kinds   map[string]string  // counter or gauge, by name
	seconds map[string]*durations
}

type durations struct {
	buckets []int
	sum     float64
	count   int
}

var figures = &Figures{values: map[string]float64{}, kinds: map[string]string{}, seconds: map[string]*durations{}}

// labels are pairs of a name and a value.
func labels(pairs ...string) string {
	said := make([]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		said = append(said, fmt.Sprintf("%s=%q", pairs[i], pairs[i+1]))
	}
	return strings.Join(said, ",")
}

// Add counts; by 0 it only begins a series, because nobody can watch one that is not there.
func (f *Figures) Add(name string, by float64, pairs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[name] = "counter"
	f.values[name+"{"+labels(pairs...)+"}"] += by
}

func (f *Figures) Set(name string, value float64, pairs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[name] = "gauge"
	f.values[name+"{"+labels(pairs...)+"}"] = value
}

// Observe puts a duration into the histogram: a bucket holds all that took at most so long.
func (f *Figures) Observe(took time.Duration, pairs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := labels(pairs...)
	seen := f.seconds[key]
	if seen == nil {
		seen = &durations{buckets: make([]int, len(bounds))}
		f.seconds[key] = seen
	}
	for i, bound := range bounds {
		if took.Seconds() <= bound {
			seen.buckets[i]++
		}
	}
	seen.sum += took.Seconds()
	seen.count++
}

func (f *Figures) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	series := make([]string, 0, len(f.values))
	for one := range f.values {
		series = append(series, one)
	}
	sort.Strings(series)
	last := ""
	for _, one := range series {
		if name := one[:strings.Index(one, "{")]; name != last {
			fmt.Fprintf(w, "# TYPE %s %s\n", name, f.kinds[name])
			last = name
		}
		fmt.Fprintf(w, "%s %g\n", one, f.values[one])
	}
	const name = "http_request_duration_seconds"
	fmt.Fprintf(w, "# TYPE %s histogram\n", name)
	for key, seen := range f.seconds {
		for i, bound := range bounds {
			fmt.Fprintf(w, "%s_bucket{%s,le=\"%g\"} %d\n", name, key, bound, seen.buckets[i])
		}
		fmt.Fprintf(w, "%s_bucket{%s,le=\"+Inf\"} %d\n", name, key, seen.count)
		fmt.Fprintf(w, "%s_sum{%s} %g\n%s_count{%s} %d\n", name, key, seen.sum, name, key, seen.count)
	}
}

var known = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}

// observed counts each request of a route and writes its line. Paths that we do not have are endless: they share a route.
func observed(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, told := time.Now(), &statusWriter{w, http.StatusOK}
		next.ServeHTTP(told, r)
		took, method, status := time.Since(began), r.Method, fmt.Sprint(told.status)
		if !known[method] {
			method = "OTHER"
		}
		figures.Add("http_requests_total", 1, "method", method, "route", route, "status", status)
		figures.Observe(took, "method", method, "route", route)
		logLine("info", method+" "+route+" "+status, map[string]any{
			"method": method, "route": route, "status": told.status, "ms": took.Milliseconds(),
			"request_id": r.Header.Get("X-Request-ID"),
		})
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func unmatched(http.ResponseWriter, *http.Request) error {
	return problem(http.StatusNotFound, "not_found", "There is nothing here.")
}
