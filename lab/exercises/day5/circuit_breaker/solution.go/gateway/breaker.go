package main

import (
	"errors"
	"sync"
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
// probes try at a time. The lock is held around the bookkeeping and never around the call.
type Breaker struct {
	Failures int
	Reset    time.Duration
	Probes   int
	OnChange func(State) // called with the lock held: report, do not call back

	mu               sync.Mutex
	state            State
	term             int // a number for the time since the last change of state
	inFlight, inARow int // calls of this term: under way, and the last ones that failed
	openUntil        time.Time
}

// Call runs work, or returns ErrOpen without having run it. Every error of work counts as a failure: an answer that is
// merely unwelcome (404) must not come as an error.
func (b *Breaker) Call(work func() error) error {
	term, ok := b.admit()
	if !ok {
		return ErrOpen
	}
	failed := true // also if work panics
	defer func() { b.settle(term, failed) }()
	err := work()
	failed = err != nil
	return err
}

func (b *Breaker) admit() (term int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && !time.Now().Before(b.openUntil) {
		b.become(HalfOpen)
	}
	if b.state == Open || b.state == HalfOpen && b.inFlight >= b.Probes {
		return 0, false
	}
	b.inFlight++
	return b.term, true
}

func (b *Breaker) settle(term int, failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if term != b.term {
		return // it began before the last change: news from another time
	}
	b.inFlight--
	if !failed {
		b.inARow = 0
		if b.state == HalfOpen {
			b.become(Closed)
		}
		return
	}
	b.inARow++
	if b.state == HalfOpen || b.inARow >= b.Failures {
		b.openUntil = time.Now().Add(b.Reset)
		b.become(Open)
	}
}

func (b *Breaker) become(state State) {
	b.state = state
	b.term++
	b.inFlight, b.inARow = 0, 0
	b.OnChange(state)
}
