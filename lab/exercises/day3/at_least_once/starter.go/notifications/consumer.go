package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const exchange = "shop.events"

// Consumer consumes as the tutorial shows it: it works as long as nothing goes wrong.
type Consumer struct {
	URL, Queue, Key string
	Handle          func(context.Context, Event) error

	alive atomic.Bool
}

// Run calls Handle with one event after the other.
func (c *Consumer) Run() {
	// TODO: when this connection ends, Run ends, and nobody listens any more. The process looks healthy.
	err := c.consume()
	c.alive.Store(false)
	logLine("error", fmt.Sprint("not consuming: ", err), nil)
}

// Check is for /readyz.
func (c *Consumer) Check(context.Context) error {
	if !c.alive.Load() {
		return errors.New("not consuming")
	}
	return nil
}

func (c *Consumer) consume() error {
	connection, err := amqp.DialConfig(c.URL, amqp.Config{Heartbeat: 2 * time.Second}) // it does not read that of the URL
	if err != nil {
		return err
	}
	defer connection.Close()
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	if err := channel.ExchangeDeclare(exchange, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return err
	}
	if _, err := channel.QueueDeclare(c.Queue, true, false, false, false, nil); err != nil {
		return err
	}
	if err := channel.QueueBind(c.Queue, c.Key, exchange, false, nil); err != nil {
		return err
	}
	// TODO: autoAck means that the broker forgets a message as soon as it has sent it. And how many does it send?
	deliveries, err := channel.Consume(c.Queue, "", true, false, false, false, nil)
	if err != nil {
		return err
	}
	c.alive.Store(true)
	for delivery := range deliveries {
		// TODO: while this works, the next one waits. And what if it fails?
		event, err := parseEvent(delivery.Body)
		if err != nil {
			return err
		}
		if err := c.Handle(context.Background(), event); err != nil {
			return err
		}
	}
	return errors.New("the deliveries have ended")
}
