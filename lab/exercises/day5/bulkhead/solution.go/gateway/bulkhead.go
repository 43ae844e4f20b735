package main

import (
	"context"
	"errors"
	"time"
)

// ErrFull: no place became free in time.
var ErrFull = errors.New("no place is free")

// A Bulkhead has so many places, a short wait for one, and a clear no for everybody else.
//
// The wait is short on purpose. It evens out a burst; a longer one only means that more requests are held, each with a
// client who may have left, and that the answer is the same no, but late.
type Bulkhead struct {
	places   chan struct{}
	patience time.Duration
}

func NewBulkhead(places int, patience time.Duration) *Bulkhead {
	return &Bulkhead{places: make(chan struct{}, places), patience: patience}
}

// Enter returns how to give the place back, or an error; then there is none to give back.
func (b *Bulkhead) Enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-b.places }
	select {
	case b.places <- struct{}{}:
		return leave, nil
	default:
	}
	if b.patience == 0 {
		return nil, ErrFull
	}
	timer := time.NewTimer(b.patience)
	defer timer.Stop()
	select {
	case b.places <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, ErrFull
	case <-ctx.Done(): // the client has left
		return nil, ctx.Err()
	}
}
