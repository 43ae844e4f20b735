package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const exchange = "shop.events"

// Publisher publishes as the tutorial shows it: it works as long as nothing goes wrong.
type Publisher struct {
	connection     *amqp.Connection
	channel        *amqp.Channel
	confirmTimeout time.Duration
}

// NewPublisher connects. amqp091-go does not read the heartbeat of the URL.
//
// TODO: a channel must not be used by two goroutines at once, it is dead after an error, and the connection may end at any
// moment.
func NewPublisher(address string, confirmTimeout time.Duration) (*Publisher, error) {
	connection, err := amqp.DialConfig(address, amqp.Config{Heartbeat: 2 * time.Second})
	if err != nil {
		return nil, err
	}
	channel, err := connection.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.ExchangeDeclare(exchange, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return nil, err
	}
	return &Publisher{connection: connection, channel: channel, confirmTimeout: confirmTimeout}, nil
}

// Check is for /readyz.
func (p *Publisher) Check(context.Context) error {
	if p.connection.IsClosed() {
		return errors.New("not connected to the broker")
	}
	return nil
}

// Publish hands the event to the broker.
func (p *Publisher) Publish(ctx context.Context, event Event) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	// TODO: this returns when the event is in a buffer of our own machine. Who says that the broker has it?
	return p.channel.PublishWithContext(ctx, exchange, event.Type, false, false, amqp.Publishing{
		ContentType: eventContentType, MessageId: event.ID, CorrelationId: event.CorrelationID, Body: body,
	})
}
