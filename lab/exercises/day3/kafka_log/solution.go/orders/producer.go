package main

import (
	"sync"
	"time"

	"github.com/Shopify/sarama"
)

// Producer appends records to topics. Any goroutine may use it.
type Producer struct {
	brokers []string

	mu     sync.Mutex
	client sarama.SyncProducer
}

// NewProducer needs no Kafka yet.
func NewProducer(brokers []string) *Producer {
	return &Producer{brokers: brokers}
}

// Append waits for the brokers' answer. After an error nobody knows whether they have the record.
func (p *Producer) Append(record *sarama.ProducerMessage) error {
	client, err := p.connected()
	if err != nil {
		return err
	}
	_, _, err = client.SendMessage(record)
	return err
}

func (p *Producer) connected() (sarama.SyncProducer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		return p.client, nil
	}
	config := clientConfig()
	config.Producer.Return.Successes = true // so that SendMessage can wait for them
	config.Net.ReadTimeout = 4 * time.Second
	config.Producer.RequiredAcks = sarama.WaitForAll // all brokers that are in step have it
	client, err := sarama.NewSyncProducer(p.brokers, config)
	if err != nil {
		return nil, err
	}
	p.client = client
	return client, nil
}

func (p *Producer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		p.client.Close()
	}
}
