package main

import (
	"net/url"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// exchange is where everybody in the shop publishes.
const exchange = "shop.events"

const (
	dialTimeout    = 3 * time.Second
	reconnectAfter = 500 * time.Millisecond
)

// dial connects to the broker. The heartbeat is that of the URL (`?heartbeat=5`), which amqp091-go does not read: with the
// broker's own proposal a dead connection would look alive for minutes.
func dial(address, name string) (*amqp.Connection, error) {
	heartbeat := 5 * time.Second
	if parsed, err := url.Parse(address); err == nil {
		if seconds, err := strconv.Atoi(parsed.Query().Get("heartbeat")); err == nil {
			heartbeat = time.Duration(seconds) * time.Second
		}
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(name)
	return amqp.DialConfig(address, amqp.Config{
		Heartbeat:  heartbeat,
		Properties: properties,
		Dial:       amqp.DefaultDial(dialTimeout),
	})
}

func declareExchange(channel *amqp.Channel) error {
	return channel.ExchangeDeclare(exchange, amqp.ExchangeTopic, true, false, false, false, nil)
}

// closeSoon does not wait: Close would, until a broker that is silent counts as dead. A process that ends may leave the
// rest to the kernel.
func closeSoon(connection *amqp.Connection) { go connection.Close() }
