package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// lastWork is how long a stop waits for what is in hand; what takes longer the broker gives to somebody else.
const lastWork = 5 * time.Second

// Consumer consumes so that nothing is lost: it acknowledges last, works beside the connection, and connects again for ever.
//
// Each message has a goroutine of its own, and prefetch is how many there are. An event is acknowledged when Handle has
// returned nil. After ErrUnreadable or ErrRefused, which no repetition can help, it is parked; after anything else it is tried
// again later, MaxDeliveries times in all.
type Consumer struct {
	URL           string
	Queues        Queues
	Prefetch      int
	MaxDeliveries int64
	Handle        func(context.Context, Event) error

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
	if err := c.Queues.Declare(channel); err != nil {
		return err
	}
	mover, err := NewMover(channel)
	if err != nil {
		return err
	}
	if err := channel.Qos(c.Prefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(c.Queues.Main, service, false, false, false, false, nil)
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
				if err := c.received(delivery, mover); err != nil {
					logLine("warn", "not settled: "+err.Error(), map[string]any{"message_id": delivery.MessageId})
					closeSoon(connection) // then it is delivered again
				}
			}()
		}
	}
}

// received does the work, and says what becomes of the message then. If the connection has ended meanwhile, it is delivered
// again.
func (c *Consumer) received(message amqp.Delivery, mover *Mover) error {
	event, err := parseEvent(message.Body)
	if err == nil {
		err = c.Handle(context.Background(), event) // what has begun is finished, also when we are told to stop
	}
	about := map[string]any{"correlation_id": event.CorrelationID}
	tried := attempts(message) + 1
	switch {
	case err == nil:
		return message.Ack(false)
	case errors.Is(err, ErrUnreadable), errors.Is(err, ErrRefused), tried >= c.MaxDeliveries:
		about["event"], about["attempts"] = "parked", tried
		logLine("error", "parked: "+err.Error(), about)
		return mover.Move(message, c.Queues.Dead, amqp.Table{attemptsHeader: tried, errorHeader: err.Error()})
	default:
		logLine("warn", "tried again later: "+err.Error(), about)
		return mover.Move(message, c.Queues.Retry, amqp.Table{attemptsHeader: tried})
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
