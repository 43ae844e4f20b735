package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// tryAgainAfter is before a message that failed is given back, or a lasting problem becomes a loop at full speed.
	tryAgainAfter = 500 * time.Millisecond
	// lastWork is how long a stop waits for what is in hand; what takes longer the broker gives to somebody else.
	lastWork = 5 * time.Second
)

// Consumer consumes so that nothing is lost: it acknowledges last, works beside the connection, and connects again for ever.
//
// Each message has a goroutine of its own, and prefetch is how many there are. An event is acknowledged when Handle has
// returned nil; if it fails, the event comes again, but for ErrUnreadable, which no repetition makes readable.
type Consumer struct {
	URL, Queue, Key string
	Prefetch        int
	Handle          func(context.Context, Event) error

	connected atomic.Bool
	inHand    sync.WaitGroup
}

// Run consumes until ctx is done. Whatever goes wrong, it begins again: a consumer that has ended looks alive from outside
// and is deaf.
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
	connection, err := dial(c.URL, service)
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
	deliveries, err := channel.Consume(c.Queue, service, false, false, false, false, nil)
	if err != nil {
		return err
	}
	c.connected.Store(true)
	logLine("info", "consuming", map[string]any{"event": "broker", "state": "connected"})
	for {
		select {
		case <-ctx.Done():
			if err := channel.Cancel(service, false); err != nil {
				return err
			}
			c.finish()
			return nil
		case delivery, open := <-deliveries:
			if !open { // the connection is gone, or somebody has deleted the queue: then we declare it anew
				return errors.New("the deliveries have ended")
			}
			c.inHand.Add(1)
			go func() {
				defer c.inHand.Done()
				c.received(ctx, delivery)
			}()
		}
	}
}

// declare makes our own queue, which keeps events for us while we are away; done again on every connection, because it may
// be gone.
func (c *Consumer) declare(channel *amqp.Channel) error {
	if err := declareExchange(channel); err != nil {
		return err
	}
	if _, err := channel.QueueDeclare(c.Queue, true, false, false, false, nil); err != nil {
		return err
	}
	return channel.QueueBind(c.Queue, c.Key, exchange, false, nil)
}

// received does the work, and answers the message then. If the connection has ended meanwhile, nobody hears the answer, and
// the message is delivered again.
func (c *Consumer) received(ctx context.Context, delivery amqp.Delivery) {
	event, err := parseEvent(delivery.Body)
	if err == nil {
		err = c.Handle(context.Background(), event) // what has begun is finished, also when we are told to stop
	}
	switch {
	case err == nil:
		err = delivery.Ack(false)
	case errors.Is(err, ErrUnreadable):
		logLine("error", "thrown away: "+err.Error(), map[string]any{"event": "parked"})
		err = delivery.Reject(false)
	default:
		logLine("error", "not handled, will come again: "+err.Error(), map[string]any{"correlation_id": event.CorrelationID})
		pause(ctx, tryAgainAfter)
		err = delivery.Nack(false, true)
	}
	if err != nil {
		logLine("warn", "not answered: "+err.Error(), map[string]any{"correlation_id": event.CorrelationID})
	}
}

func (c *Consumer) finish() {
	done := make(chan struct{})
	go func() {
		c.inHand.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(lastWork):
	}
}
