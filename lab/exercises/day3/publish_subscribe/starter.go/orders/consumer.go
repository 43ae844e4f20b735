package main

import (
	"context"
	"errors"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Consumer has a queue of its own, and connects again for ever.
type Consumer struct {
	URL, Name string
	Queue     string
	Types     []string
	Prefetch  int
	Handle    func(ctx context.Context, body []byte) error

	connected atomic.Bool
}

// Run consumes until ctx is done. Whatever goes wrong, it begins again: a consumer that has ended looks
// alive from outside and is deaf.
func (c *Consumer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.consume(ctx); err != nil {
			logLine("warn", "not consuming: "+err.Error(), map[string]any{"event": "broker", "state": "lost"})
		}
		c.connected.Store(false)
		pause(ctx, reconnectAfter)
	}
}

// Check is for /readyz.
func (c *Consumer) Check(context.Context) error {
	if !c.connected.Load() {
		return errors.New("not consuming: no connection to the broker")
	}
	return nil
}

func (c *Consumer) consume(ctx context.Context) error {
	connection, err := dial(c.URL, c.Name)
	if err != nil {
		return err
	}
	defer closeSoon(connection)
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	if err := c.declare(channel); err != nil {
		return err
	}
	if err := channel.Qos(c.Prefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(c.Queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	c.connected.Store(true)
	logLine("info", "consuming", map[string]any{"event": "broker", "state": "connected"})
	for {
		select {
		case <-ctx.Done():
			return nil
		case delivery, open := <-deliveries:
			if !open { // the connection is gone, or somebody has deleted the queue: then we declare it anew
				return errors.New("the deliveries have ended")
			}
			if err := c.received(ctx, delivery); err != nil {
				return err
			}
		}
	}
}

// declare makes the exchange, our queue and its bindings. It is done again on every connection, because the broker may
// have lost it in the meantime.
func (c *Consumer) declare(channel *amqp.Channel) error {
	if err := declareExchange(channel); err != nil {
		return err
	}
	// TODO: a queue that outlives us, bound to what we want to hear
	return errors.New("not written yet")
}

// received handles a message and settles it. An error is one of the connection.
func (c *Consumer) received(ctx context.Context, delivery amqp.Delivery) error {
	// TODO: call Handle, then acknowledge. And if it fails? If the body cannot be read?
	return errors.New("not written yet")
}
