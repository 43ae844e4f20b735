package main

import (
	"encoding/json"

	"github.com/Shopify/sarama"
)

// Telling appends an event to the log for each change of an order.
type Telling struct{ producer *Producer }

// Tell returns nil when the brokers have the event.
func (t *Telling) Tell(order Order, requestID string) error {
	event, err := happened("/orders", "order."+order.Status, requestID, map[string]any{
		"order_id": order.ID, "status": order.Status, "version": order.Version,
	})
	if err != nil {
		return err
	}
	value, err := json.Marshal(event)
	if err != nil {
		return err
	}
	// The key decides the partition, and only within a partition is there an order: so it is the entity's id, never the
	// event's.
	return t.producer.Append(&sarama.ProducerMessage{
		Topic:   topic,
		Key:     sarama.StringEncoder(order.ID),
		Value:   sarama.ByteEncoder(value),
		Headers: []sarama.RecordHeader{{Key: []byte("content-type"), Value: []byte(eventContentType)}},
	})
}
