package main

import (
	"math"
	"sync"
)

// Budget is how many retries the whole process may still make: every request earns a tenth of one, every retry costs
// one. In an outage every request would retry, and four times the traffic keeps a service down that tries to get up.
type Budget struct {
	mu            sync.Mutex
	left, reserve float64
}

func NewBudget(reserve float64) *Budget { return &Budget{left: reserve, reserve: reserve} }

func (b *Budget) Earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = math.Min(b.reserve, b.left+0.1)
}

// Spend pays for one retry; false if there is nothing left to pay with.
func (b *Budget) Spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
