package main

import (
	"context"
	"errors"
	"time"

	"github.com/Shopify/sarama"
)

const (
	beginAgainAfter = 500 * time.Millisecond
	tryAgainAfter   = 500 * time.Millisecond
	commitEvery     = 500 * time.Millisecond
)

// Consumer reads the topic as a member of a group, and hands the events of each partition to Handle, one after the other.
//
// A commit says "we have dealt with everything before this offset" of one partition. sarama commits what is marked, so a
// record is marked once its work is done: what was not committed comes again, to us or to whoever has the partition then.
type Consumer struct {
	Brokers        []string
	Group          string
	SessionTimeout time.Duration
	Handle         func(context.Context, Event) error
	Park           func(*sarama.ConsumerMessage) error
}

// Run consumes until ctx is done. Whatever goes wrong, it begins again: a consumer that has ended looks alive from outside
// and is deaf.
func (c *Consumer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.consume(ctx); err != nil {
			logLine("warn", "not consuming: "+err.Error(), map[string]any{"event": "broker"})
		}
		pause(ctx, beginAgainAfter)
	}
}

// consume is one membership. In the end it leaves the group, which then need not wait for our session timeout.
func (c *Consumer) consume(ctx context.Context) error {
	config := clientConfig()
	config.Consumer.Return.Errors = true
	config.Consumer.Group.Session.Timeout = c.SessionTimeout
	config.Consumer.Group.Heartbeat.Interval = c.SessionTimeout / 4
	config.Consumer.Group.Rebalance.Retry.Backoff = 500 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest // a new group begins with the first event, not with the next one
	config.Consumer.Offsets.CommitInterval = commitEvery
	group, err := sarama.NewConsumerGroup(c.Brokers, c.Group, config)
	if err != nil {
		return err
	}
	defer group.Close()
	go func() {
		for err := range group.Errors() {
			logLine("warn", err.Error(), map[string]any{"event": "broker"})
		}
	}()
	for ctx.Err() == nil {
		// It returns whenever the group shares out its partitions anew.
		if err := group.Consume(ctx, []string{topic}, c); err != nil {
			return err
		}
	}
	return nil
}

// Setup and Cleanup are asked for by sarama: before and after we have partitions.
func (c *Consumer) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (c *Consumer) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim has a goroutine for each of our partitions, and ends when the session's context is done.
func (c *Consumer) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for record := range claim.Messages() {
		if !c.dealtWith(session.Context(), record) {
			return nil
		}
		// If the group refuses the commit, sarama tells of it and tries again; if the group has gone on without us, somebody
		// gets the record again, and the history knows it.
		session.MarkMessage(record, "")
	}
	return nil
}

// dealtWith tries until the record is handled or parked: what is behind it in its partition has to wait, for the order's
// sake. It is false when the partition goes to somebody else first, who begins with this record.
func (c *Consumer) dealtWith(ctx context.Context, record *sarama.ConsumerMessage) bool {
	for ctx.Err() == nil {
		event, err := parseEvent(record.Value)
		if err == nil {
			err = c.Handle(ctx, event)
		}
		if errors.Is(err, ErrUnreadable) {
			logLine("error", "parked: "+err.Error(), map[string]any{"event": "parked"})
			err = c.Park(record)
		}
		if err == nil {
			return true
		}
		logLine("error", "not handled, will be tried again: "+err.Error(), map[string]any{"correlation_id": event.CorrelationID})
		pause(ctx, tryAgainAfter)
	}
	return false
}
