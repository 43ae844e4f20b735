package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// confirmTimeout is how long a confirm may take.
const confirmTimeout = 3 * time.Second

// Publisher is a channel for publishing, with the broker's confirm as the proof that it has the event. It belongs to one
// goroutine. After an error it is dead: close it and make another.
type Publisher struct {
	connection *amqp.Connection
	channel    *amqp.Channel
	confirms   <-chan amqp.Confirmation
	Closed     <-chan *amqp.Error
}

// NewPublisher connects to the broker.
func NewPublisher(address, name string) (*Publisher, error) {
	connection, err := dial(address, name)
	if err != nil {
		return nil, err
	}
	p := &Publisher{connection: connection}
	if err := p.open(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Publisher) open() (err error) {
	if p.channel, err = p.connection.Channel(); err != nil {
		return err
	}
	p.confirms = p.channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	p.Closed = p.channel.NotifyClose(make(chan *amqp.Error, 1))
	if err := declareExchange(p.channel); err != nil {
		return err
	}
	return p.channel.Confirm(false)
}

// Publish returns nil when the broker has confirmed that it has the event.
//
// The routing key is what happened, not who should hear of it: the exchange gives a copy to every queue that is bound to
// it. That may be no queue at all, and that is not the publisher's business either, so the message is not mandatory.
func (p *Publisher) Publish(ctx context.Context, event Event) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	err = p.channel.PublishWithContext(ctx, exchange, event.Type, false, false, amqp.Publishing{
		ContentType:   eventContentType,
		DeliveryMode:  amqp.Persistent,
		MessageId:     event.ID,
		CorrelationId: event.CorrelationID,
		Body:          body,
	})
	if err != nil {
		return err
	}
	select {
	case confirm, open := <-p.confirms:
		if !open {
			return errors.New("the connection is gone before the confirm came")
		}
		if !confirm.Ack {
			return errors.New("the broker refused the event")
		}
		return nil
	case <-ctx.Done():
		return errors.New("no confirm in time: whether the broker has the event, nobody knows")
	}
}

// Close is quick also where the broker is silent.
func (p *Publisher) Close() { closeSoon(p.connection) }
