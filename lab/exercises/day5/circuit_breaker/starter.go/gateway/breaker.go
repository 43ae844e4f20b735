package main

import (
	"errors"
	"time"
)

type State int

const (
	Closed State = iota
	Open
	HalfOpen
)

func (s State) String() string { return [...]string{"closed", "open", "half-open"}[s] }

// ErrOpen: the call was not made.
var ErrOpen = errors.New("the breaker is open")

// Breaker guards the calls of one upstream: it opens after so many failures in a row, for a while, and then lets a few
// probes try at a time. OnChange is told of every change of state: metrics and log lines come from there.
type Breaker struct {
	Failures int
	Reset    time.Duration
	Probes   int
	OnChange func(State)
}

// Call runs work, or returns ErrOpen without having run it. Every error of work counts as a failure.
func (b *Breaker) Call(work func() error) error {
	// TODO: count failures, open, refuse, probe, close. Everything else in this service is done.
	return work()
}
