package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

const (
	// room for events that wait for a broker
	room = 10_000
	// lastWords is how long a stop waits for what is still to be announced.
	lastWords = 2 * time.Second
)

// Announcer publishes events in the background, so that nobody who registers has to wait for the broker. One goroutine
// owns the connection; the others hand it events through a channel.
//
// What waits here waits in memory: it survives the broker's death, but not our own.
type Announcer struct {
	url, name   string
	waiting     chan Event
	unconfirmed *Event
	connected   atomic.Bool
	stopping    chan struct{}
	stopped     chan struct{}
}

// StartAnnouncer returns at once, whether there is a broker or not.
func StartAnnouncer(url, name string) *Announcer {
	a := &Announcer{
		url: url, name: name,
		waiting: make(chan Event, room), stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
	go a.run()
	return a
}

// Announce takes the event over; it goes out as soon as there is a broker. It does not wait: after too long an outage the
// event is lost, and the log says so.
func (a *Announcer) Announce(event Event) {
	select {
	case a.waiting <- event:
	default:
		logLine("error", "no room for another event", map[string]any{"event": "lost", "id": event.ID, "type": event.Type})
	}
}

// Stop gives what waits a last chance.
func (a *Announcer) Stop() {
	close(a.stopping)
	select {
	case <-a.stopped:
	case <-time.After(lastWords):
	}
}

// Check is for /readyz.
func (a *Announcer) Check(context.Context) error {
	if !a.connected.Load() {
		return errors.New("not connected to the broker")
	}
	return nil
}

func (a *Announcer) run() {
	defer close(a.stopped)
	for {
		err := a.announceAll()
		a.connected.Store(false)
		if err == nil {
			return
		}
		logLine("warn", "no broker: "+err.Error(), map[string]any{"event": "broker", "state": "lost"})
		select {
		case <-time.After(reconnectAfter):
		case <-a.stopping:
			return
		}
	}
}

// announceAll returns nil when it is told to stop and nothing is left. An event without a confirm is published again, on
// the next connection: better twice than never.
func (a *Announcer) announceAll() error {
	publisher, err := NewPublisher(a.url, a.name)
	if err != nil {
		return err
	}
	defer publisher.Close()
	a.connected.Store(true)
	for {
		if a.unconfirmed == nil {
			select {
			case event := <-a.waiting:
				a.unconfirmed = &event
			case lost := <-publisher.Closed:
				return errors.New("the connection is gone: " + lost.Error())
			case <-a.stopping:
				if len(a.waiting) == 0 {
					return nil
				}
				continue
			}
		}
		if err := publisher.Publish(context.Background(), *a.unconfirmed); err != nil {
			return err
		}
		a.unconfirmed = nil
	}
}
