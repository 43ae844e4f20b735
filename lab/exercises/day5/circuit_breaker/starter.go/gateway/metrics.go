package main

import (
	"fmt"
	"io"
	"net/http"
	"sort"
	"sync"
)

// Metrics counts what breakers do and says so in Prometheus' text format. Both maps go by labels.
type Metrics struct {
	mu          sync.Mutex
	states      map[string]int
	transitions map[string]int
}

func NewMetrics() *Metrics {
	return &Metrics{states: map[string]int{}, transitions: map[string]int{}}
}

// Reporter is what to call at each change of the state of the named breaker, which is closed now.
func (m *Metrics) Reporter(name string) func(State) {
	labels := fmt.Sprintf("name=%q", name)
	m.states[labels] = int(Closed)
	return func(state State) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.states[labels] = int(state)
		m.transitions[fmt.Sprintf("%s,to=%q", labels, state)]++
		logLine("warning", "a breaker changed", map[string]any{"event": "breaker", "name": name, "state": state.String()})
	}
}

func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	expose(w, "breaker_state", "gauge", m.states)
	expose(w, "breaker_transitions_total", "counter", m.transitions)
}

func expose(w io.Writer, name, kind string, values map[string]int) {
	all := make([]string, 0, len(values))
	for labels := range values {
		all = append(all, labels)
	}
	sort.Strings(all)
	fmt.Fprintf(w, "# TYPE %s %s\n", name, kind)
	for _, labels := range all {
		fmt.Fprintf(w, "%s{%s} %d\n", name, labels, values[labels])
	}
}
