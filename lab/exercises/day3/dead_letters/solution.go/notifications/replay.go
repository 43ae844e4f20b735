package main

import (
	"context"
	"net/http"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const replayTimeout = 9 * time.Second

// Replay gives what was parked another chance, over a connection of its own: the consumer's deliveries are not to wait for it.
type Replay struct {
	URL    string
	Queues Queues
}

// Handle answers POST /admin/dlq/replay.
func (p *Replay) Handle(w http.ResponseWriter, r *http.Request) error {
	replayed, err := p.run(r.Context())
	if err != nil {
		return problem(http.StatusServiceUnavailable, "broker_unavailable", "Not all could be replayed: %v.", err)
	}
	return reply(w, http.StatusOK, map[string]int{"replayed": replayed})
}

// run gives each message that is parked now all its attempts again, and says how many there were. One that is parked again
// meanwhile is not touched a second time. What has not been moved when it ends early is still parked.
func (p *Replay) run(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	connection, err := dial(p.URL, service+" replay")
	if err != nil {
		return 0, err
	}
	defer closeSoon(connection)
	channel, err := connection.Channel()
	if err != nil {
		return 0, err
	}
	if err := p.Queues.Declare(channel); err != nil {
		return 0, err
	}
	mover, err := NewMover(channel)
	if err != nil {
		return 0, err
	}
	parked, err := channel.QueueDeclarePassive(p.Queues.Dead, true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	for done := 0; done < parked.Messages; done++ {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		message, ok, err := channel.Get(p.Queues.Dead, false)
		if err != nil {
			return done, err
		}
		if !ok {
			return done, nil // somebody else has taken it
		}
		if err := mover.Move(message, p.Queues.Main, amqp.Table{}); err != nil {
			return done, err
		}
	}
	return parked.Messages, nil
}
