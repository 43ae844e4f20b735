// Orders with Go's own library: two files, one of the users that it has heard of and one of orders.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
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

const queue = "orders.user-registered"

// A list is a set of texts on disk.
type list struct {
	mutex sync.Mutex
	file  *os.File
	has   map[string]bool
}

func openList(path string) (*list, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	found, whole := &list{file: file, has: map[string]bool{}}, int64(0)
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return found, file.Truncate(whole)
		}
		var text string
		if err := json.Unmarshal([]byte(line), &text); err != nil {
			return nil, err
		}
		found.has[text] = true
		whole += int64(len(line))
	}
}

func (l *list) contains(text string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.has[text]
}

// add returns when the text is on disk.
func (l *list) add(text string) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.has[text] {
		return nil
	}
	line, err := json.Marshal(text)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return err
	}
	l.has[text] = true
	return l.file.Sync()
}

func hear(known *list, body []byte) error {
	var event struct {
		Type string `json:"type"`
		Data struct {
			UserID string `json:"user_id"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil || event.Type != "user.registered" || event.Data.UserID == "" {
		return nil // it is about something else
	}
	return known.add(event.Data.UserID)
}

func listen(known *list, listening chan<- struct{}) {
	prefetch, _ := strconv.Atoi(os.Getenv("PREFETCH"))
	for first := true; ; time.Sleep(300 * time.Millisecond) {
		broker, err := Dial(os.Getenv("AMQP_URL"))
		if err != nil {
			log.Print(err)
			continue
		}
		if err = broker.DeclareExchange("shop.events"); err == nil {
			err = broker.DeclareQueue(queue, "shop.events", "user.registered")
		}
		if err == nil {
			err = broker.Consume(queue, uint16(prefetch))
		}
		if err == nil && first {
			close(listening)
			first = false
		}
		for err == nil {
			select {
			case <-broker.Closed:
				err = errors.New("the connection is gone")
			case delivery := <-broker.Deliveries:
				if err = hear(known, delivery.Body); err == nil {
					err = broker.Ack(delivery.Tag)
				}
			}
		}
		log.Print(err)
		broker.Close()
	}
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func main() {
	path := strings.TrimPrefix(os.Getenv("DATABASE_URL"), "sqlite:///")
	known, err := openList(path + ".known")
	if err != nil {
		log.Fatal(err)
	}
	orders, err := openList(path + ".orders")
	if err != nil {
		log.Fatal(err)
	}
	listening := make(chan struct{})
	go listen(known, listening)
	http.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			UserID string `json:"user_id"`
			Amount int64  `json:"amount"`
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.UserID == "" || asked.Amount <= 0 {
			reply(w, 400, map[string]any{"title": "Bad Request", "status": 400, "code": "bad_order"})
			return
		}
		if !known.contains(asked.UserID) {
			reply(w, 422, map[string]any{"title": "Unknown user", "status": 422, "code": "unknown_user"})
			return
		}
		random := make([]byte, 8)
		rand.Read(random)
		order := map[string]any{"id": fmt.Sprintf("o-%x", random), "user_id": asked.UserID, "amount": asked.Amount}
		line, _ := json.Marshal(order)
		if err := orders.add(string(line)); err != nil {
			reply(w, 503, map[string]any{"title": "No disk", "status": 503, "code": "disk"})
			return
		}
		reply(w, 201, order)
	})
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"status": "alive"})
	})
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-listening:
			reply(w, 200, map[string]any{"status": "ready", "checks": map[string]string{}})
		default:
			reply(w, 503, map[string]any{"status": "unready", "checks": map[string]string{"queue": "not yet bound"}})
		}
	})
	server := &http.Server{Addr: os.Getenv("HOST") + ":" + os.Getenv("PORT")}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()
	<-asked.Done()
	server.Shutdown(context.Background())
}
