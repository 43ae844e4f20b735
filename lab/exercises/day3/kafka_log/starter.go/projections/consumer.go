package main

import (
	"context"
	"time"

	"github.com/Shopify/sarama"
)

const beginAgainAfter = 500 * time.Millisecond

// Consumer reads the topic as a member of a group, and hands the events of each partition to Handle.
type Consumer struct {
	Brokers        []string
	Group          string
	SessionTimeout time.Duration
	Handle         func(context.Context, Event) error
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
	// TODO: a group that has committed nothing yet begins at the end of the log by default. Is that what we want?
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

// ConsumeClaim has a goroutine for each of our partitions. It must come to an end when the session's context is done.
func (c *Consumer) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for record := range claim.Messages() {
		// TODO: sarama commits what is marked once a second. When may the group be told that we are past a record? What if
		// the record cannot be read? And what if the mail server does not answer?
		session.MarkMessage(record, "")
		event, err := parseEvent(record.Value)
		if err != nil {
			return err
		}
		if err := c.Handle(session.Context(), event); err != nil {
			return err
		}
	}
	return nil
}
