package main

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

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
func (p *Publisher) Publish(ctx context.Context, event Event) error {
	// TODO: to which exchange, with which routing key and which properties? And when is it sure that the broker has it?
	return errors.New("not written yet")
}

// Close is quick also where the broker is silent.
func (p *Publisher) Close() { closeSoon(p.connection) }
