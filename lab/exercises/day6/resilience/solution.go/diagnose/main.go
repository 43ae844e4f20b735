// diagnose says what happened, by what monitoring has of it: stdin holds the figures and the lines of each service.
//
// It goes down the chain. orders fails for the gateway when users fails for orders, so what orders has to say of its own
// dependencies comes first; of a service that is down or stands still there is nothing to hear, and then its caller knows.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

const (
	failures = "dependency_failures_total"
	weather  = 3 // fewer failed calls than these are no incident
)

var deepestFirst = []string{"orders", "gateway"}

// A Service as monitoring saw it. After is empty if it did not answer any more.
type Service struct {
	Before, After []Sample
	Log           []map[string]any
}

// A Sample is one figure of /metrics.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// A Diagnosis names nobody if nothing happened.
type Diagnosis struct {
	Dependency *string `json:"dependency"`
	Kind       *string `json:"kind"`
}

func main() {
	var told map[string]Service
	if err := json.NewDecoder(os.Stdin).Decode(&told); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(diagnose(told))
}

func diagnose(told map[string]Service) Diagnosis {
	for _, name := range deepestFirst {
		failed := told[name].failed()
		calls := map[string]float64{}
		for dependency, kinds := range failed {
			for _, count := range kinds {
				calls[dependency] += count
			}
		}
		if worst := largest(calls); calls[worst] >= weather {
			kind := largest(failed[worst])
			return Diagnosis{&worst, &kind}
		}
	}
	return Diagnosis{}
}

// failed counts the failed calls between the two looks at the figures: by dependency, then by kind.
func (s Service) failed() map[string]map[string]float64 {
	grown := map[string]map[string]float64{}
	if s.After == nil {
		return grown
	}
	add := func(samples []Sample, sign float64) {
		for _, one := range samples {
			if one.Name != failures {
				continue
			}
			dependency := one.Labels["dependency"]
			if grown[dependency] == nil {
				grown[dependency] = map[string]float64{}
			}
			grown[dependency][one.Labels["kind"]] += sign * one.Value
		}
	}
	add(s.After, 1)
	add(s.Before, -1)
	return grown
}

func largest(counts map[string]float64) (name string) {
	for one, count := range counts {
		if name == "" || count > counts[name] {
			name = one
		}
	}
	return name
}
