// Orders in Go: one goroutine owns the connection, and every request waits for the confirm of its own publish.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

// A line to the broker: publishes and confirms are both counted from 1.
type line struct {
	client    *Client
	published uint64
	waiting   map[uint64]chan bool
}

type publisher struct {
	lock sync.Mutex
	line *line // nil while there is none
}

var errNoBroker = errors.New("no broker")

// keep has a line open whenever that is possible.
func (p *publisher) keep(url string) {
	for ; ; time.Sleep(200 * time.Millisecond) {
		client, err := Dial(url)
		if err != nil {
			logLine("warn", err.Error(), nil)
			continue
		}
		if client.DeclareExchange("shop.events") != nil || client.WantConfirms() != nil {
			client.Close()
			continue
		}
		opened := &line{client: client, waiting: map[uint64]chan bool{}}
		p.lock.Lock()
		p.line = opened
		p.lock.Unlock()
		p.hear(opened)
		p.lock.Lock()
		p.line = nil
		for _, told := range opened.waiting {
			close(told)
		}
		p.lock.Unlock()
	}
}

func (p *publisher) hear(from *line) {
	for {
		select {
		case <-from.client.Closed:
			return
		case confirm := <-from.client.Confirms:
			p.lock.Lock()
			for number, told := range from.waiting {
				if number == confirm.Tag || confirm.Multiple && number < confirm.Tag {
					told <- confirm.Ack
					delete(from.waiting, number)
				}
			}
			p.lock.Unlock()
		}
	}
}

// publish returns when the broker has confirmed, or with an error.
func (p *publisher) publish(key, id, correlation string, body []byte, patience time.Duration) error {
	late := time.After(patience)
	p.lock.Lock()
	for p.line == nil {
		p.lock.Unlock()
		select {
		case <-late:
			return errNoBroker
		case <-time.After(20 * time.Millisecond):
		}
		p.lock.Lock()
	}
	on := p.line
	on.published++
	number, told := on.published, make(chan bool, 1)
	on.waiting[number] = told
	err := on.client.Publish("shop.events", key, id, correlation, body)
	p.lock.Unlock()
	if err != nil {
		return err
	}
	select {
	case ok := <-told:
		if !ok {
			return errors.New("refused, or the connection broke")
		}
		return nil
	case <-late:
		p.lock.Lock()
		delete(on.waiting, number)
		p.lock.Unlock()
		return errors.New("no confirm in time")
	}
}

func fresh() string {
	var random [16]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

func main() {
	patience := envMillis("CONFIRM_TIMEOUT_MS", 3000)
	p := &publisher{}
	go p.keep(mustEnv("AMQP_URL"))
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		var made order
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&made) != nil || made.UserID == "" {
			problem(w, 422, "invalid_order")
			return
		}
		made.ID = "o-" + fresh()
		id, correlation := fresh(), r.Header.Get("X-Request-ID")
		body, _ := json.Marshal(map[string]any{
			"specversion": "1.0", "id": id, "source": "/orders", "type": "order.created",
			"time": time.Now().UTC().Format(time.RFC3339Nano), "correlationid": correlation,
			"data": map[string]any{"order_id": made.ID, "user_id": made.UserID, "amount": made.Amount},
		})
		if err := p.publish("order.created", id, correlation, body, patience); err != nil {
			logLine("warn", err.Error(), map[string]any{"request_id": correlation})
			problem(w, 503, "broker_unavailable")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
		json.NewEncoder(w).Encode(made)
	})
	serve(routes)
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}
