package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var (
	errRefused = errors.New("the broker refused it")
	errTooLate = errors.New("no confirm in time")
)

// Publisher publishes with the broker's word that it has the event.
//
// One goroutine owns the connection. It publishes, waits for the confirm, and connects again whenever the connection ends.
// Request handlers hand it their events and wait for the result.
type Publisher struct {
	address        string
	confirmTimeout time.Duration
	tasks          chan task
	unconfirmed    *task
	connected      atomic.Bool
}

// A task is over when its client is answered, confirm or no confirm: after that nobody waits for it.
type task struct {
	event Event
	until time.Time
	done  chan error // has room for the one result
}

// NewPublisher needs no broker yet.
func NewPublisher(address string, confirmTimeout time.Duration) *Publisher {
	return &Publisher{address: address, confirmTimeout: confirmTimeout, tasks: make(chan task)}
}

// Check is for /readyz.
func (p *Publisher) Check(context.Context) error {
	if !p.connected.Load() {
		return errors.New("not connected to the broker")
	}
	return nil
}

// Publish returns nil when the broker has confirmed that it has the event. After an error it may have it all the same. Any
// goroutine may call it.
func (p *Publisher) Publish(ctx context.Context, event Event) error {
	ctx, cancel := context.WithTimeout(ctx, p.confirmTimeout)
	defer cancel()
	asked := task{event, time.Now().Add(p.confirmTimeout), make(chan error, 1)}
	select {
	case p.tasks <- asked:
	case <-ctx.Done():
		return errTooLate
	}
	select {
	case err := <-asked.done:
		return err
	case <-ctx.Done():
		return errTooLate
	}
}

// Run publishes until ctx is done.
func (p *Publisher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.work(ctx)
		p.connected.Store(false)
		if err != nil {
			logLine("warn", "no broker: "+err.Error(), map[string]any{"event": "broker", "state": "lost"})
			pause(ctx, reconnectAfter)
		}
	}
}

// work is for as long as one connection lives.
func (p *Publisher) work(ctx context.Context) error {
	connection, err := dial(p.address, service)
	if err != nil {
		return err
	}
	defer closeSoon(connection)
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	closed := channel.NotifyClose(make(chan *amqp.Error, 1))
	if err := declareExchange(channel); err != nil {
		return err
	}
	if err := channel.Confirm(false); err != nil {
		return err
	}
	p.connected.Store(true)
	for {
		// First that for which the last connection has ended. Its id is the same, so whoever gets it twice can tell.
		if p.unconfirmed == nil {
			select {
			case next := <-p.tasks:
				p.unconfirmed = &next
			case lost := <-closed:
				return errors.New("the connection is gone: " + lost.Error())
			case <-ctx.Done():
				return nil
			}
		}
		if time.Now().Before(p.unconfirmed.until) {
			err := send(channel, confirms, *p.unconfirmed)
			if err != nil && !errors.Is(err, errRefused) {
				return err
			}
			p.unconfirmed.done <- err
		}
		p.unconfirmed = nil
	}
}

// send returns errRefused, or any other error if the connection is good for nothing any more.
func send(channel *amqp.Channel, confirms <-chan amqp.Confirmation, asked task) error {
	body, err := json.Marshal(asked.event)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), asked.until)
	defer cancel()
	err = channel.PublishWithContext(ctx, exchange, asked.event.Type, false, false, amqp.Publishing{
		ContentType:   eventContentType,
		DeliveryMode:  amqp.Persistent,
		MessageId:     asked.event.ID,
		CorrelationId: asked.event.CorrelationID,
		Body:          body,
	})
	if err != nil {
		return err
	}
	select {
	case confirm, open := <-confirms:
		if !open {
			return errors.New("the connection is gone before the confirm came")
		}
		if !confirm.Ack {
			return errRefused
		}
		return nil
	case <-ctx.Done():
		return errTooLate
	}
}
