package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const exchange = "shop.events"

// An Event is a CloudEvent; of one that somebody else has published, the part that is needed here.
type Event struct {
	SpecVersion   string         `json:"specversion"`
	ID            string         `json:"id"`
	Source        string         `json:"source"`
	Type          string         `json:"type"`
	Time          string         `json:"time"`
	CorrelationID string         `json:"correlationid"`
	Data          map[string]any `json:"data"`
}

func (e Event) order() string { return e.text("order_id") }

func (e Event) text(name string) string {
	value, _ := e.Data[name].(string)
	return value
}

var errNever = errors.New("this can never be done")

// consume hears what is published under the keys, for ever. What fails is tried again until it succeeds, unless the
// error is errNever: then the message is put aside.
func consume(queue string, keys []string, handle func(Event) error) {
	for ; ; time.Sleep(300 * time.Millisecond) {
		broker, err := Dial(mustEnv("AMQP_URL"))
		if err != nil {
			logLine("warn", "no broker", map[string]any{"error": err.Error()})
			continue
		}
		err = broker.DeclareExchange(exchange)
		aside := queue + ".dlq"
		for _, name := range append([]string{aside}, keys...) {
			if err == nil && name == aside {
				err = broker.DeclareQueue(aside, exchange, aside)
			} else if err == nil {
				err = broker.DeclareQueue(queue, exchange, name)
			}
		}
		if err == nil {
			err = broker.WantConfirms()
		}
		if err == nil {
			err = broker.Consume(queue, uint16(envInt("PREFETCH", 10)))
		}
		var parking sync.Mutex
		for err == nil {
			select {
			case delivery := <-broker.Deliveries:
				go deal(broker, &parking, aside, delivery, handle)
			case <-broker.Closed:
				err = errors.New("the connection is gone")
			}
		}
		logLine("warn", "not consuming", map[string]any{"error": err.Error()})
		broker.Close()
	}
}

func deal(broker *Client, parking *sync.Mutex, aside string, delivery Delivery, handle func(Event) error) {
	var event Event
	err := json.Unmarshal(delivery.Body, &event)
	if err != nil || event.order()+event.text("user_id") == "" {
		err = errNever
	} else {
		for err = handle(event); err != nil && !errors.Is(err, errNever); err = handle(event) {
			logLine("warn", "tried again", map[string]any{"error": err.Error(), "order": event.order()})
			select {
			case <-broker.Closed:
				return // it will be delivered again
			case <-time.After(250 * time.Millisecond):
			}
		}
	}
	if err != nil {
		logLine("error", "put aside", map[string]any{"error": err.Error(), "correlation_id": event.CorrelationID})
		parking.Lock()
		defer parking.Unlock()
		if broker.Publish(exchange, aside, event.ID, event.CorrelationID, delivery.Body) != nil || !confirmed(broker) {
			broker.Close()
			return
		}
	}
	logLine("info", "done: "+event.Type, map[string]any{"correlation_id": event.CorrelationID})
	broker.Ack(delivery.Tag)
}

// confirmed waits for the confirm of the one publish that is under way.
func confirmed(broker *Client) bool {
	select {
	case answer := <-broker.Confirms:
		return answer.Ack
	case <-broker.Closed:
	case <-time.After(3 * time.Second):
	}
	return false
}

// relay publishes what `waiting` has, the oldest first, and says so to `sent` when the broker has it.
func relay(waiting func() []Event, sent func(Event) error) {
	for ; ; time.Sleep(300 * time.Millisecond) {
		broker, err := Dial(mustEnv("AMQP_URL"))
		if err != nil {
			continue
		}
		if err = broker.DeclareExchange(exchange); err == nil {
			err = broker.WantConfirms()
		}
		for err == nil {
			for _, event := range waiting() {
				body, _ := json.Marshal(event)
				if err = broker.Publish(exchange, event.Type, event.ID, event.CorrelationID, body); err != nil {
					break
				}
				if !confirmed(broker) {
					err = fmt.Errorf("no confirm of %s", event.ID)
					break
				}
				if err = sent(event); err != nil {
					break
				}
			}
			select {
			case <-broker.Closed:
				err = errors.New("the connection is gone")
			case <-time.After(50 * time.Millisecond):
			}
		}
		logLine("warn", "the relay begins anew", map[string]any{"error": err.Error()})
		broker.Close()
	}
}
