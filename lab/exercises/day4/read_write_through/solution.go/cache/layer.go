package main

import (
	"context"
	"sync"
)

// Layer reads through the copies and writes through them. There is one instance of it, so a lock for each product in its
// memory is enough: of readers without a copy one loads, and of writers one is at the origin.
type Layer struct {
	origin *Origin
	copies *Copies

	mu    sync.Mutex
	locks map[string]*lock
}

type lock struct {
	sync.Mutex
	wanted int
}

func (l *Layer) Read(ctx context.Context, id, requestID string) (Product, error) {
	found, err := l.copies.Find(id)
	if err != nil {
		return Product{}, err
	}
	if found.Product != nil {
		return *found.Product, nil
	}
	if found.InDoubt { // what the origin says now may be old in a moment, so it is shown and not kept
		return l.origin.Read(ctx, id, requestID)
	}
	defer l.lock(id)()
	if found, err = l.copies.Find(id); err != nil {
		return Product{}, err
	}
	if found.Product != nil {
		return *found.Product, nil // somebody has loaded it while we waited
	}
	product, err := l.origin.Read(ctx, id, requestID)
	if err != nil || found.InDoubt {
		return product, err
	}
	return product, l.copies.Keep(id, product)
}

// Write: first the copy is in doubt, then the origin is told, then the copy is the new row. Killed between any two of them,
// we leave no copy that the origin does not have. Without an answer of the origin the doubt stays.
//
// What was begun is finished, also if the client has left.
func (l *Layer) Write(id, requestID string, change Change) (Product, error) {
	defer l.lock(id)()
	if err := l.copies.Doubt(id); err != nil {
		return Product{}, err
	}
	product, err := l.origin.Write(context.Background(), id, requestID, change)
	if err != nil {
		return Product{}, err
	}
	return product, l.copies.Keep(id, product)
}

// lock returns how to unlock; who is the last one to want the lock takes it away.
func (l *Layer) lock(id string) (unlock func()) {
	l.mu.Lock()
	own, ok := l.locks[id]
	if !ok {
		own = &lock{}
		l.locks[id] = own
	}
	own.wanted++
	l.mu.Unlock()
	own.Lock()
	return func() {
		own.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if own.wanted--; own.wanted == 0 {
			delete(l.locks, id)
		}
	}
}
