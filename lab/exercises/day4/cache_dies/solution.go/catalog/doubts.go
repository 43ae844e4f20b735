package main

import (
	"sync"
	"time"
)

// Doubts is what the cache could not be told: for an id, the version below which a copy is out of date. After a while the
// copy has expired by itself, and the doubt with it. They are in memory, so a crash during an outage leaves nothing but the
// copies' lifetime.
type Doubts struct {
	lasts time.Duration

	mu     sync.Mutex
	oldest map[string]doubt
	swept  time.Time
}

type doubt struct {
	version int64
	until   time.Time
}

func NewDoubts(lasts time.Duration) *Doubts {
	return &Doubts{lasts: lasts, oldest: map[string]doubt{}, swept: time.Now()}
}

// Raise: believe no copy older than this version.
func (d *Doubts) Raise(id string, version int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if known := d.oldest[id]; known.version > version && now.Before(known.until) {
		version = known.version
	}
	d.oldest[id] = doubt{version, now.Add(d.lasts)}
	if now.Sub(d.swept) > d.lasts {
		d.sweep(now)
	}
}

// About tells whether a copy of this version may be out of date.
func (d *Doubts) About(id string, version int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.oldest[id]
	return ok && version < known.version && time.Now().Before(known.until)
}

func (d *Doubts) sweep(now time.Time) {
	d.swept = now
	for id, known := range d.oldest {
		if now.After(known.until) {
			delete(d.oldest, id)
		}
	}
}
