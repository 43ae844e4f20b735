package main

import (
	"fmt"
	"net/http"
	"sort"
	"sync"
)

// Counter counts by the values of one label, and says so in Prometheus' text format.
type Counter struct {
	name, label string

	mu     sync.Mutex
	counts map[string]int
}

// NewCounter begins with 0 for the values that are known: nobody can watch a series that is not there.
func NewCounter(name, label string, known ...string) *Counter {
	c := &Counter{name: name, label: label, counts: map[string]int{}}
	for _, value := range known {
		c.counts[value] = 0
	}
	return c
}

func (c *Counter) Add(value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[value]++
}

// ServeHTTP is for /metrics.
func (c *Counter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	values := make([]string, 0, len(c.counts))
	for value := range c.counts {
		values = append(values, value)
	}
	sort.Strings(values)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintf(w, "# TYPE %s counter\n", c.name)
	for _, value := range values {
		fmt.Fprintf(w, "%s{%s=%q} %d\n", c.name, c.label, value, c.counts[value])
	}
}
