package main

import (
	"context"
	"errors"
	"time"
)

const (
	// poll is between two looks at what another instance is loading.
	poll = 30 * time.Millisecond
	// early is the share of a copy's lifetime before its end in which a copy that is asked for is loaded anew.
	early = 0.4
)

// Products are read through the cache and written past it. However many miss a product at once, one of them loads it.
type Products struct {
	origin  *Origin
	cache   *Cache
	flights *Flights[Entry]
	ahead   time.Duration
	lockTTL time.Duration
}

func NewProducts(origin *Origin, cache *Cache, ttl, lockTTL time.Duration) *Products {
	return &Products{
		origin: origin, cache: cache, flights: NewFlights[Entry](),
		ahead: time.Duration(early * float64(ttl)), lockTTL: lockTTL,
	}
}

// Read returns what there is, and how it was found; ErrOriginDown if nobody can say.
//
// A load is not for one reader only, so it does not end with the request that began it.
func (p *Products) Read(id, requestID string) (Entry, Result, error) {
	copied, how := p.cache.Recall(id)
	switch how {
	case Bypass:
		entry, err := p.flights.Join(id, func() (Entry, error) { return p.loadAlone(id, requestID) })
		return entry, how, err
	case Miss:
		entry, err := p.flights.Join(id, func() (Entry, error) { return p.load(id, requestID) })
		return entry, how, err
	}
	if !p.isFresh(copied) {
		p.flights.Launch(id, func() (Entry, error) { return p.refresh(id, requestID, copied.Entry) })
	}
	return copied.Entry, how, nil
}

func (p *Products) Write(ctx context.Context, id, requestID string, change Change) (Product, error) {
	defer p.flights.Leave(id)
	product, err := p.origin.Write(ctx, id, requestID, change)
	if err != nil {
		p.cache.Forget(id) // it may have been written all the same: what we do not know we do not keep
		return product, err
	}
	// Not just forgotten: in an empty place a reader who is still on its way would put the old row.
	p.cache.Remember(id, Entry{&product})
	return product, nil
}

func (p *Products) isFresh(copied Copy) bool { return copied.Product == nil || copied.Left > p.ahead }

// load is the only one among all instances, for as long as Redis lives and the loader does.
//
// The lock ends by itself, so nobody waits for the dead. Who has waited for as long as a lock lives asks the origin without
// one: another answer is then nearer than another turn.
func (p *Products) load(id, requestID string) (Entry, error) {
	token, until := newID(), time.Now().Add(p.lockTTL)
	for {
		ours, err := p.cache.Claim(id, token)
		if err != nil {
			return p.loadAlone(id, requestID)
		}
		if ours {
			break
		}
		if time.Now().After(until) {
			return p.loadAlone(id, requestID)
		}
		time.Sleep(poll)
		switch copied, how := p.cache.Recall(id); how {
		case Hit:
			return copied.Entry, nil
		case Bypass:
			return p.loadAlone(id, requestID)
		}
	}
	defer p.cache.GiveBack(id, token)
	if copied, how := p.cache.Recall(id); how == Hit && p.isFresh(copied) {
		return copied.Entry, nil // it was brought between our look and our turn
	}
	entry, err := p.loadAlone(id, requestID)
	if err == nil {
		p.cache.Remember(id, entry)
	}
	return entry, err
}

// loadAlone is without the cache's help: once in each process.
func (p *Products) loadAlone(id, requestID string) (Entry, error) {
	product, err := p.origin.Read(context.Background(), id, requestID)
	if errors.Is(err, ErrUnknown) {
		return Entry{}, nil
	}
	return Entry{&product}, err
}

// refresh has nobody waiting for it, so a failure is no more than a line in the log: the copy lives on for a while.
func (p *Products) refresh(id, requestID string, kept Entry) (Entry, error) {
	entry, err := p.load(id, requestID)
	if err != nil {
		logLine("warn", "could not load "+id+" anew: "+err.Error(), map[string]any{"dependency": "origin"})
		return kept, nil
	}
	return entry, nil
}
