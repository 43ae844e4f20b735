package main

import (
	"context"
	"errors"
	"sync"
)

var steps = []string{"reserve", "charge", "confirm", "notify"}

// A Step is one of a saga, and how far it has come.
type Step struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// A Saga is what has been done for an order.
type Saga struct {
	State string `json:"state"`
	Steps []Step `json:"steps"`
}

// Conductor has a goroutine an order, and how far it has come in a map.
type Conductor struct {
	Orders     *Orders
	Neighbours *Neighbours

	mu    sync.Mutex
	sagas map[string]*Saga
}

// Begin conducts a new order.
func (c *Conductor) Begin(order Order) {
	saga := &Saga{State: "running"}
	for _, name := range steps {
		saga.Steps = append(saga.Steps, Step{name, "pending"})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sagas == nil {
		c.sagas = map[string]*Saga{}
	}
	c.sagas[order.ID] = saga
	go c.conduct(order, saga)
}

// Show is the saga as it is now.
func (c *Conductor) Show(id string) (Saga, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// TODO: after a restart nobody knows of any saga.
	saga, ok := c.sagas[id]
	if !ok {
		return Saga{}, unknownOrder(id)
	}
	return Saga{saga.State, append([]Step(nil), saga.Steps...)}, nil
}

func (c *Conductor) conduct(order Order, saga *Saga) {
	ctx := context.Background()
	for i, name := range steps {
		if err := c.Neighbours.Ask(ctx, name, order); err != nil {
			// TODO: what was done before has to be undone, and "no answer" is not "no".
			c.note(func() { saga.Steps[i].Status = "refused" })
			reason := "unanswered"
			var no Refusal
			if errors.As(err, &no) {
				reason = no.Reason
			}
			c.end(order, "cancelled", reason)
			return
		}
		c.note(func() { saga.Steps[i].Status = "done" })
	}
	c.note(func() { saga.State = "completed" })
	c.end(order, "confirmed", "")
}

func (c *Conductor) note(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *Conductor) end(order Order, status, reason string) {
	if err := c.Orders.End(context.Background(), order.ID, status, reason); err != nil {
		logLine("error", "order "+order.ID+": "+err.Error(), nil)
	}
}
