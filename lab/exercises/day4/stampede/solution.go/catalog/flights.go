package main

import (
	"errors"
	"sync"
)

// Flights is one load of a key at a time in this process: who comes while it is under way waits for what it brings. The
// lock is held around the table only, never around a load: another key does not wait, and nor does a new flight of the same
// key that somebody has left.
type Flights[T any] struct {
	mu       sync.Mutex
	underWay map[string]*flight[T]
}

type flight[T any] struct {
	landed  chan struct{} // closed when the rest is known
	brought T
	err     error
}

func NewFlights[T any]() *Flights[T] { return &Flights[T]{underWay: map[string]*flight[T]{}} }

// Join returns what the load brings, ours or the one that is under way. If it fails, all who wait for it hear why.
func (f *Flights[T]) Join(key string, load func() (T, error)) (T, error) {
	joined, mine := f.board(key)
	if mine {
		f.fly(key, joined, load)
	}
	<-joined.landed
	return joined.brought, joined.err
}

// Launch loads behind the caller's back, unless somebody is loading already.
func (f *Flights[T]) Launch(key string, load func() (T, error)) {
	if joined, mine := f.board(key); mine {
		go f.fly(key, joined, load)
	}
}

// Leave: whoever comes from now on begins a new flight. What is on its way was loaded too early for them.
func (f *Flights[T]) Leave(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.underWay, key)
}

func (f *Flights[T]) board(key string) (joined *flight[T], mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if joined, ok := f.underWay[key]; ok {
		return joined, false
	}
	joined = &flight[T]{landed: make(chan struct{}), err: errors.New("the load broke down")}
	f.underWay[key] = joined
	return joined, true
}

// fly lands also if the load panics. First the flight goes from the table, so that nobody joins one that is over: a failure
// is for those who waited.
func (f *Flights[T]) fly(key string, own *flight[T], load func() (T, error)) {
	defer func() {
		f.mu.Lock()
		if f.underWay[key] == own {
			delete(f.underWay, key)
		}
		f.mu.Unlock()
		close(own.landed)
	}()
	own.brought, own.err = load()
}
