// Notifications in Go: a queue for each number of attempts, so that the routing key by which a message comes back says
// how often it was tried. The broker itself parks what is rejected.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	queue = "notifications.order-created"
	dead  = queue + ".dlq"
	again = "notifications.again"
)

type event struct {
	Type string
	Data struct {
		OrderID string `json:"order_id"`
		UserID  string `json:"user_id"`
	}
}

type outcome int

const (
	done outcome = iota
	later
	never
)

type notifier struct {
	broker, mailer string
	client         *http.Client
	prefetch, most int
	delay          time.Duration
}

func waiting(attempts int, delay time.Duration) string {
	return fmt.Sprintf("%s.again.%d.%d", queue, attempts, delay.Milliseconds())
}

// open declares everything.
func (s *notifier) open() (*Client, error) {
	broker, err := Dial(s.broker)
	if err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error { return broker.DeclareExchange("shop.events") },
		func() error { return broker.DeclareExchange(again) },
		func() error { return broker.DeclareQueueWith(dead) },
		func() error {
			return broker.DeclareQueueWith(queue,
				Field("x-dead-letter-exchange", Text("")), Field("x-dead-letter-routing-key", Text(dead)))
		},
		func() error { return broker.Bind(queue, "shop.events", "order.created") },
		broker.WantConfirms,
	}
	for attempts := 1; attempts < s.most; attempts++ {
		key := strconv.Itoa(attempts)
		name := waiting(attempts, s.delay)
		steps = append(steps,
			func() error { return broker.Bind(queue, again, key) },
			func() error {
				return broker.DeclareQueueWith(name, Field("x-message-ttl", Number(int(s.delay.Milliseconds()))),
					Field("x-dead-letter-exchange", Text(again)), Field("x-dead-letter-routing-key", Text(key)))
			})
	}
	for _, step := range steps {
		if err := step(); err != nil {
			broker.Close()
			return nil, err
		}
	}
	return broker, nil
}

func (s *notifier) send(about event) outcome {
	body, _ := json.Marshal(map[string]string{
		"user_id": about.Data.UserID, "template": "order_created", "order_id": about.Data.OrderID,
	})
	request, _ := http.NewRequest("POST", s.mailer+"/notify", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", about.Data.OrderID)
	answer, err := s.client.Do(request)
	if err != nil {
		return later
	}
	answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusAccepted:
		return done
	case answer.StatusCode/100 == 4:
		return never
	default:
		return later
	}
}

// A mover publishes and acknowledges, one message at a time.
type mover struct {
	turn   sync.Mutex
	broker *Client
}

func (m *mover) move(to string, delivery Delivery) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	if err := m.broker.PublishRaw("", to, delivery.Properties, delivery.Body); err != nil {
		return err
	}
	select {
	case confirm := <-m.broker.Confirms:
		if !confirm.Ack {
			return errors.New("the broker refused a message")
		}
		return m.broker.Ack(delivery.Tag)
	case <-m.broker.Closed:
		return errors.New("the connection is gone")
	case <-time.After(5 * time.Second):
		return errors.New("no confirm")
	}
}

func (s *notifier) handle(m *mover, delivery Delivery) {
	before, err := strconv.Atoi(delivery.RoutingKey)
	if err != nil {
		before = 0 // it comes from a publisher
	}
	var about event
	result := never
	if json.Unmarshal(delivery.Body, &about) == nil && about.Data.OrderID != "" {
		result = done
		if about.Type == "order.created" {
			result = s.send(about)
		}
	}
	switch {
	case result == done:
		m.broker.Ack(delivery.Tag)
	case result == later && before+1 < s.most:
		if err := m.move(waiting(before+1, s.delay), delivery); err != nil {
			logLine("warn", err.Error(), nil)
			m.broker.Close() // it is delivered again
		}
	default:
		logLine("error", "parked", map[string]any{"order": about.Data.OrderID})
		m.broker.Reject(delivery.Tag)
	}
}

func (s *notifier) consume() {
	for ; ; time.Sleep(300 * time.Millisecond) {
		broker, err := s.open()
		if err == nil {
			err = broker.Consume(queue, uint16(s.prefetch))
		}
		m := &mover{broker: broker}
		for err == nil {
			select {
			case delivery := <-broker.Deliveries:
				go s.handle(m, delivery)
			case <-broker.Closed:
				err = errors.New("the connection is gone")
			}
		}
		logLine("warn", err.Error(), nil)
		if broker != nil {
			broker.Close()
		}
	}
}

// replay takes everything out before it puts anything back, so that nothing is met twice.
func (s *notifier) replay() (int, error) {
	broker, err := s.open()
	if err != nil {
		return 0, err
	}
	defer broker.Close()
	var parked []Delivery
	for {
		found, ok, err := broker.Get(dead)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		parked = append(parked, found)
	}
	m := &mover{broker: broker}
	for _, one := range parked {
		if err := m.move(queue, one); err != nil {
			return 0, err
		}
	}
	return len(parked), nil
}

func main() {
	s := &notifier{
		broker: mustEnv("AMQP_URL"), mailer: mustEnv("NOTIFY_URL"),
		client:   &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
		prefetch: envInt("PREFETCH", 10), most: envInt("MAX_DELIVERIES", 5), delay: envMillis("RETRY_DELAY_MS", 1000),
	}
	go s.consume()
	routes := http.NewServeMux()
	routes.HandleFunc("/admin/dlq/replay", func(w http.ResponseWriter, r *http.Request) {
		count, err := s.replay()
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			json.NewEncoder(w).Encode(map[string]any{"title": err.Error(), "status": 503, "code": "broker_unavailable"})
			return
		}
		json.NewEncoder(w).Encode(map[string]int{"replayed": count})
	})
	serve(routes)
}
