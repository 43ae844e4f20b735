// diagnose says what happened, by what monitoring has of it: stdin holds the figures and the lines of each service.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

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

// TODO: which dependency failed, and how? Whoever passes a failure on is not the one who failed.
func diagnose(told map[string]Service) Diagnosis {
	return Diagnosis{}
}
