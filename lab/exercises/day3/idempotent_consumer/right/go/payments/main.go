// Payments with Go's own library: a goroutine for each event, and payments in a file that the instances share.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const queue = "payments.order-created"

type service struct {
	turn     sync.Mutex
	book     *Book
	provider *http.Client
}

type order struct {
	ID     string `json:"order_id"`
	Amount int64  `json:"amount"`
}

// newOrder reads a message; ok is false where it is not about a new order.
func newOrder(body []byte) (found order, ok bool) {
	var event struct {
		Type string
		Data *order
	}
	if json.Unmarshal(body, &event) != nil || event.Type != "order.created" || event.Data == nil {
		return order{}, false
	}
	return *event.Data, event.Data.ID != ""
}

func (s *service) handle(broker *Client, delivery Delivery) {
	wanted, ok := newOrder(delivery.Body)
	for ok {
		err := s.settle(wanted)
		if err == nil {
			break
		}
		log.Printf("order %s is not decided: %v", wanted.ID, err)
		select {
		case <-broker.Closed:
			return // it will be delivered again
		case <-time.After(400 * time.Millisecond):
		}
	}
	broker.Ack(delivery.Tag)
}

func (s *service) settle(wanted order) error {
	s.turn.Lock()
	_, there, err := s.book.Payment(wanted.ID)
	s.turn.Unlock()
	if there || err != nil {
		return err
	}
	payment, err := s.charge(wanted)
	if err != nil {
		return err
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.book.Write(payment)
}

func (s *service) charge(wanted order) (Payment, error) {
	body, _ := json.Marshal(wanted)
	request, err := http.NewRequest("POST", os.Getenv("PAYMENT_URL")+"/charges", bytes.NewReader(body))
	if err != nil {
		return Payment{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", wanted.ID)
	answer, err := s.provider.Do(request)
	if err != nil {
		return Payment{}, err
	}
	defer answer.Body.Close()
	payment := Payment{OrderID: wanted.ID, Amount: wanted.Amount}
	switch answer.StatusCode {
	case http.StatusCreated:
		payment.Status = "approved"
	case http.StatusPaymentRequired:
		payment.Status = "declined"
	default:
		return Payment{}, fmt.Errorf("the provider says %s", answer.Status)
	}
	var charge struct{ ID *string }
	err = json.NewDecoder(answer.Body).Decode(&charge)
	payment.ChargeID = charge.ID
	return payment, err
}

func (s *service) consume() {
	prefetch, _ := strconv.Atoi(os.Getenv("PREFETCH"))
	for ; ; time.Sleep(400 * time.Millisecond) {
		broker, err := Dial(os.Getenv("AMQP_URL"))
		if err != nil {
			log.Print(err)
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
				go s.handle(broker, delivery)
			case <-broker.Closed:
				err = fmt.Errorf("the connection is gone")
			}
		}
		log.Print(err)
		broker.Close()
	}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

// A line of the log, as JSON.
type line struct{}

func (line) Write(text []byte) (int, error) {
	said, _ := json.Marshal(map[string]string{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": "info", "service": "payments", "msg": strings.TrimSpace(string(text)),
	})
	fmt.Println(string(said))
	return len(text), nil
}

func main() {
	log.SetFlags(0)
	log.SetOutput(line{})
	book, err := OpenBook(strings.TrimPrefix(os.Getenv("DATABASE_URL"), "sqlite:///") + ".payments")
	if err != nil {
		log.Fatal(err)
	}
	limit, _ := strconv.Atoi(os.Getenv("HTTP_TIMEOUT_MS"))
	s := &service{book: book, provider: &http.Client{Timeout: time.Duration(limit) * time.Millisecond}}
	go s.consume()
	health := func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"status": "ready", "checks": map[string]string{}})
	}
	http.HandleFunc("/healthz", health)
	http.HandleFunc("/readyz", health)
	http.HandleFunc("/payments", func(w http.ResponseWriter, r *http.Request) {
		s.turn.Lock()
		defer s.turn.Unlock()
		items := []Payment{}
		if found, there, _ := s.book.Payment(r.URL.Query().Get("order_id")); there {
			items = append(items, found)
		}
		answer(w, map[string]any{"items": items})
	})
	server := &http.Server{Addr: os.Getenv("HOST") + ":" + os.Getenv("PORT")}
	stopped := make(chan struct{})
	go func() {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
		server.Shutdown(context.Background())
		close(stopped)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-stopped
}
