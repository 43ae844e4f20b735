package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// poll is how often the outbox is looked into.
const poll = 200 * time.Millisecond

// Relay carries events from the outbox to the broker, in order, until each is confirmed. It asks nobody what to send: the
// outbox knows, also after a crash, and also what another instance wrote that is no more.
type Relay struct {
	Outbox    *Outbox
	URL, Name string
	Holder    string // who we are among the instances

	connected atomic.Bool
}

// Run relays until ctx is done. Neither a lost broker nor a locked database ends it: nobody would notice until the events
// are missed. What is not announced by the end is announced after the next start.
func (r *Relay) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.relay(ctx)
		r.connected.Store(false)
		if err != nil && ctx.Err() == nil {
			logLine("warn", "not relaying: "+err.Error(), map[string]any{"event": "broker", "state": "lost"})
			pause(ctx, reconnectAfter)
		}
	}
}

// Check is for /readyz.
func (r *Relay) Check(context.Context) error {
	if !r.connected.Load() {
		return errors.New("not connected to the broker")
	}
	return nil
}

func (r *Relay) relay(ctx context.Context) error {
	publisher, err := NewPublisher(r.URL, r.Name)
	if err != nil {
		return err
	}
	defer publisher.Close()
	r.connected.Store(true)
	for ctx.Err() == nil {
		events, err := r.Outbox.Next(ctx, r.Holder)
		if err != nil {
			return err
		}
		for _, event := range events {
			// In this order. A crash between the two sends the event twice, under one id; the other way round it would
			// never be sent. An error leaves the rest for later, so that nothing overtakes.
			if err := publisher.Publish(ctx, event); err != nil {
				return err
			}
			if err := r.Outbox.Forget(ctx, event); err != nil {
				return err
			}
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-time.After(poll):
		case lost := <-publisher.Closed:
			return errors.New("the connection is gone: " + lost.Error())
		case <-ctx.Done():
		}
	}
	return nil
}
