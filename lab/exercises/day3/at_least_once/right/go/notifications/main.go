// Notifications in Go: a goroutine for each message in hand, while the client's own goroutines read and send heartbeats.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const queue = "notifications.order-created"

type event struct {
	Type string
	Data struct {
		OrderID string `json:"order_id"`
		UserID  string `json:"user_id"`
	}
}

type mailer struct {
	url    string
	client *http.Client
}

func (m *mailer) send(about event) error {
	body, _ := json.Marshal(map[string]string{
		"user_id": about.Data.UserID, "template": "order_created", "order_id": about.Data.OrderID,
	})
	request, err := http.NewRequest("POST", m.url+"/notify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", about.Data.OrderID)
	answer, err := m.client.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the mailer says %s", answer.Status)
	}
	return nil
}

// handle keeps the message in hand until the mail is sent, or the connection is gone and somebody else has it.
func (m *mailer) handle(broker *Client, delivery Delivery) {
	var about event
	if json.Unmarshal(delivery.Body, &about) != nil || about.Data.OrderID == "" {
		logLine("error", "unreadable", map[string]any{"body": string(delivery.Body)})
	} else if about.Type == "order.created" {
		for err := m.send(about); err != nil; err = m.send(about) {
			logLine("warn", err.Error(), map[string]any{"order": about.Data.OrderID})
			select {
			case <-broker.Closed:
				return
			case <-time.After(400 * time.Millisecond):
			}
		}
	}
	broker.Ack(delivery.Tag)
}

func (m *mailer) consume(url string, prefetch int) {
	for ; ; time.Sleep(300 * time.Millisecond) {
		broker, err := Dial(url)
		if err != nil {
			logLine("warn", err.Error(), nil)
			continue
		}
		err = broker.DeclareExchange("shop.events")
		if err == nil {
			err = broker.DeclareQueue(queue, "shop.events", "order.created")
		}
		if err == nil {
			err = broker.Consume(queue, uint16(prefetch))
		}
		for err == nil {
			select {
			case delivery := <-broker.Deliveries:
				go m.handle(broker, delivery)
			case <-broker.Closed:
				err = fmt.Errorf("the connection is gone")
			}
		}
		logLine("warn", err.Error(), nil)
		broker.Close()
	}
}

func main() {
	m := &mailer{url: mustEnv("NOTIFY_URL"), client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 20000)}}
	go m.consume(mustEnv("AMQP_URL"), envInt("PREFETCH", 10))
	serve(http.NewServeMux())
}
