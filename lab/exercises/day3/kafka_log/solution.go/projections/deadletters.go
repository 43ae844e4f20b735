package main

import "github.com/Shopify/sarama"

// DeadLetters are records that cannot be read, in a topic of their own, for somebody to look at.
type DeadLetters struct{ producer *Producer }

// Park stores the record as it came. After an error it must not be committed.
func (d DeadLetters) Park(record *sarama.ConsumerMessage) error {
	parked := &sarama.ProducerMessage{
		Topic: topic + ".dlt",
		Key:   sarama.ByteEncoder(record.Key),
		Value: sarama.ByteEncoder(record.Value),
	}
	for _, header := range record.Headers {
		parked.Headers = append(parked.Headers, *header)
	}
	return d.producer.Append(parked)
}
