package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// tryAgainAfter keeps a lasting problem from becoming a loop at full speed.
const tryAgainAfter = time.Second

// Consumer has a queue of its own: it acknowledges last, connects again for ever, and puts aside what cannot be read.
//
// Handle may meet an event more than once. If it fails, the event comes again; with ErrUnreadable it goes to <Queue>.dlq.
type Consumer struct {
	URL, Name string
	Queue     string
	Types     []string
	Prefetch  int
	Handle    func(context.Context, Event) error

	connected atomic.Bool
}

// Run consumes until ctx is done, and finishes the event in hand. Whatever goes wrong, it begins again: a consumer that
// has ended looks alive from outside and is deaf.
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

// declare makes our own queue, which keeps events for us while we are away. It is done again on every connection, because
// the broker may have lost it in the meantime.
func (c *Consumer) declare(channel *amqp.Channel) error {
	if err := declareExchange(channel); err != nil {
		return err
	}
	deadLetters := c.Queue + ".dlq"
	if _, err := channel.QueueDeclare(deadLetters, true, false, false, false, nil); err != nil {
		return err
	}
	aside := amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": deadLetters}
	if _, err := channel.QueueDeclare(c.Queue, true, false, false, false, aside); err != nil {
		return err
	}
	for _, kind := range c.Types {
		if err := channel.QueueBind(c.Queue, kind, exchange, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// received handles a message and settles it. An error is one of the connection. What has begun is finished, also when we
// are told to stop, so ctx does not reach Handle.
func (c *Consumer) received(ctx context.Context, delivery amqp.Delivery) error {
	event, err := parseEvent(delivery.Body)
	if err == nil {
		err = c.Handle(context.Background(), event)
	}
	switch {
	case err == nil:
		return delivery.Ack(false)
	case errors.Is(err, ErrUnreadable):
		logLine("error", "put aside: "+err.Error(), map[string]any{"event": "parked"})
		return delivery.Reject(false)
	default:
		logLine("error", "not handled, will come again: "+err.Error(), map[string]any{"correlation_id": event.CorrelationID})
		pause(ctx, tryAgainAfter)
		return delivery.Nack(false, true)
	}
}
