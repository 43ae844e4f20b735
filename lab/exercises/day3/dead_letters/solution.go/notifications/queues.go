package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	attemptsHeader = "x-attempts" // how often this event was tried
	errorHeader    = "x-error"    // why it was parked

	confirmTimeout = 5 * time.Second
)

// Queues are the three places where an event of ours can be.
//
//	shop.events ──▶ Main ──▶ us ──permanent, or the last attempt──▶ Dead
//	                  ▲       │
//	                  │       └──transient──▶ Retry ──┐
//	                  └──────────── after delay ──────┘
//
// The waiting is done by the broker: a queue that nobody consumes from, whose messages expire into the first queue. Nobody
// of ours is blocked meanwhile, and nothing is forgotten when we are killed.
type Queues struct {
	Main, Dead, Retry string

	key   string
	delay time.Duration
}

// NewQueues names them. Arguments of a queue cannot be changed once it is there, so another delay is another queue.
func NewQueues(queue, key string, delay time.Duration) Queues {
	return Queues{queue, queue + ".dlq", fmt.Sprintf("%s.retry.%d", queue, delay.Milliseconds()), key, delay}
}

// Declare makes all that we need; done again on every connection, because it may be gone.
func (q Queues) Declare(channel *amqp.Channel) error {
	back := amqp.Table{
		"x-message-ttl":             q.delay.Milliseconds(),
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": q.Main,
	}
	if err := declareExchange(channel); err != nil {
		return err
	}
	for name, arguments := range map[string]amqp.Table{q.Main: nil, q.Dead: nil, q.Retry: back} {
		if _, err := channel.QueueDeclare(name, true, false, false, false, arguments); err != nil {
			return err
		}
	}
	return channel.QueueBind(q.Main, q.key, exchange, false, nil)
}

// attempts is how often a message was tried before; what somebody else writes there is not ours.
func attempts(message amqp.Delivery) int64 {
	switch count := message.Headers[attemptsHeader].(type) {
	case int32:
		return int64(count)
	case int64:
		return count
	default:
		return 0
	}
}

// Mover brings messages from one queue to another, over a channel that is in confirm mode. It publishes first and
// acknowledges then: a crash in between makes two of one message, and never none. Any goroutine may use it.
type Mover struct {
	mu       sync.Mutex
	channel  *amqp.Channel
	confirms <-chan amqp.Confirmation
}

func NewMover(channel *amqp.Channel) (*Mover, error) {
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	return &Mover{channel: channel, confirms: confirms}, channel.Confirm(false)
}

// Move keeps body and properties as they are, but for our own headers and those of the broker's dead letters. After an error
// the channel is good for nothing any more.
func (m *Mover) Move(message amqp.Delivery, queue string, more amqp.Table) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), confirmTimeout)
	defer cancel()
	headers := amqp.Table{}
	for name, value := range message.Headers {
		if name != attemptsHeader && name != errorHeader && !strings.Contains(name, "-death") {
			headers[name] = value
		}
	}
	for name, value := range more {
		headers[name] = value
	}
	err := m.channel.PublishWithContext(ctx, "", queue, false, false, amqp.Publishing{
		Headers:         headers,
		ContentType:     message.ContentType,
		ContentEncoding: message.ContentEncoding,
		DeliveryMode:    amqp.Persistent,
		Priority:        message.Priority,
		CorrelationId:   message.CorrelationId,
		ReplyTo:         message.ReplyTo,
		MessageId:       message.MessageId,
		Timestamp:       message.Timestamp,
		Type:            message.Type,
		AppId:           message.AppId,
		Body:            message.Body,
	})
	if err != nil {
		return err
	}
	select {
	case confirm, open := <-m.confirms:
		if !open {
			return errors.New("the connection is gone before the confirm came")
		}
		if !confirm.Ack {
			return errors.New("the broker refused it")
		}
		return message.Ack(false)
	case <-ctx.Done():
		return errors.New("no confirm in time")
	}
}
