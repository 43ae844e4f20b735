package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	pollEvery = 200 * time.Millisecond
	// lease is after what time somebody else takes over a saga whose conductor is not heard of. Who lives renews it in time,
	// however long a call takes.
	lease = 3 * time.Second
	// most is how many sagas are conducted beside each other; one that waits for a neighbour holds up no other one.
	most = 100
)

// Conductor takes up what is due, asks for it, and writes it down; whoever dies over it is followed by another one.
//
// Nothing about a saga is kept in memory. A step is written down as begun before it is asked for, and as done after the
// answer; no transaction is open in between. So after a crash it is asked for again, under the same key.
type Conductor struct {
	Orders      *Orders
	Neighbours  *Neighbours
	SagaTimeout time.Duration
	RetryDelay  time.Duration

	somethingNew chan struct{}
}

func NewConductor(orders *Orders, neighbours *Neighbours, sagaTimeout, retryDelay time.Duration) *Conductor {
	return &Conductor{orders, neighbours, sagaTimeout, retryDelay, make(chan struct{}, 1)}
}

// Begin gives an order its saga.
func (c *Conductor) Begin(order *Order) {
	order.Saga, order.Deadline = newSaga(), time.Now().Add(c.SagaTimeout)
}

// Notice: there is something new, do not wait for the next look.
func (c *Conductor) Notice() {
	select {
	case c.somethingNew <- struct{}{}:
	default:
	}
}

// Run conducts until ctx is done. Then calls are broken off, and what is under way is due again for whoever comes after us.
func (c *Conductor) Run(ctx context.Context) {
	places := make(chan struct{}, most)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	for ctx.Err() == nil {
		places <- struct{}{} // before a lease begins
		id, err := c.Orders.TakeUp(ctx, lease)
		if err != nil {
			logLine("error", "cannot look for sagas: "+err.Error(), nil)
		}
		if id == "" {
			<-places
			select {
			case <-ctx.Done():
			case <-c.somethingNew:
			case <-time.After(pollEvery):
			}
			continue
		}
		underWay.Add(1)
		go func() {
			defer underWay.Done()
			c.conduct(ctx, id)
			<-places
		}()
	}
}

// conduct goes on with an order that is ours, as far as it comes.
func (c *Conductor) conduct(ctx context.Context, id string) {
	defer inBackground(func(ctx context.Context) {
		for pause(ctx, lease/3); ctx.Err() == nil; pause(ctx, lease/3) {
			if err := c.Orders.Renew(id, lease); err != nil {
				logLine("warn", "order "+id+": not renewed: "+err.Error(), nil)
			}
		}
	})()
	for more := true; more; {
		var err error
		if more, err = c.step(ctx, id); err != nil {
			logLine("error", "order "+id+": tried again when its lease has ended: "+err.Error(), nil)
			return
		}
	}
}

// step asks for what comes next. It is false when there is no more to do now.
func (c *Conductor) step(ctx context.Context, id string) (more bool, err error) {
	order, ours, err := c.Orders.Change(id, lease, c.begin)
	action := order.Saga.Next()
	if err != nil || !ours || action == "" {
		return false, err
	}
	err = c.Neighbours.Ask(ctx, action, order)
	var no Refusal
	_, forwards := place(action)
	switch {
	case err == nil:
		_, ours, err = c.Orders.Change(id, lease, func(order Order) Saga { return order.Saga.Done(action) })
		return ours, err
	case errors.As(err, &no) && forwards:
		_, ours, err = c.Orders.Change(id, lease, func(order Order) Saga { return order.Saga.Refused(action, no.Reason) })
		return ours, err
	default: // no answer; or a no to a compensation, and there is no way back from the way back
		logLine("warn", action+" is asked for again: "+err.Error(), map[string]any{"correlation_id": order.RequestID})
		return false, c.Orders.GiveBack(id, c.RetryDelay)
	}
}

// begin writes down what is about to be asked for, or that it has taken too long.
func (c *Conductor) begin(order Order) Saga {
	saga := order.Saga
	if saga.State == "running" && !saga.passedThePivot() && time.Now().After(order.Deadline) {
		saga = saga.GivenUp("timeout")
	}
	if action := saga.Next(); action != "" {
		saga = saga.Begun(action)
	}
	return saga
}
