package main

import (
	"time"

	"github.com/Shopify/sarama"
)

const topic = "shop.orders"

// clientConfig is what producers and consumers have in common. Version is the protocol that the client speaks: 0.11 brought
// the headers of records, and brokers that are younger understand it.
func clientConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = service
	config.Version = sarama.V1_0_0_0
	config.Net.DialTimeout = 2 * time.Second
	return config
}
