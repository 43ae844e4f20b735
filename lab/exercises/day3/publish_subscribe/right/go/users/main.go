// Users with Go's own library: a file of users, and a goroutine that announces them.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

type user struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

type service struct {
	mutex  sync.Mutex
	taken  map[string]bool
	file   *os.File
	events chan map[string]any
}

func (s *service) register(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		problem(w, 405, "method_not_allowed")
		return
	}
	var made user
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&made) != nil || made.Email == "" || made.Name == "" {
		problem(w, 422, "email_and_name")
		return
	}
	made.ID = ident()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.taken[made.Email] {
		problem(w, 409, "email_taken")
		return
	}
	line, _ := json.Marshal(made)
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		problem(w, 503, "disk")
		return
	}
	if err := s.file.Sync(); err != nil {
		problem(w, 503, "disk")
		return
	}
	s.taken[made.Email] = true
	correlation := r.Header.Get("X-Request-ID")
	if correlation == "" {
		correlation = ident()
	}
	s.events <- map[string]any{
		"specversion": "1.0", "id": ident(), "source": "/users", "type": "user.registered",
		"time": time.Now().UTC().Format(time.RFC3339Nano), "correlationid": correlation,
		"data": map[string]string{"user_id": made.ID, "email": made.Email, "name": made.Name},
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(201)
	json.NewEncoder(w).Encode(made)
}

func (s *service) announce() {
	event := <-s.events
	for ; ; time.Sleep(300 * time.Millisecond) {
		broker, err := Dial(os.Getenv("AMQP_URL"))
		if err != nil {
			log.Print(err)
			continue
		}
		if err = broker.DeclareExchange("shop.events"); err == nil {
			err = broker.WantConfirms()
		}
		for err == nil {
			if err = publish(broker, event); err == nil {
				event = <-s.events
			}
		}
		log.Print(err)
		broker.Close()
	}
}

// publish waits for the confirm; nothing else is under way meanwhile.
func publish(broker *Client, event map[string]any) error {
	body, _ := json.Marshal(event)
	err := broker.Publish("shop.events", "user.registered", event["id"].(string), event["correlationid"].(string), body)
	if err != nil {
		return err
	}
	select {
	case confirm := <-broker.Confirms:
		if confirm.Ack {
			return nil
		}
		return errors.New("the broker refuses")
	case <-broker.Closed:
		return errors.New("the connection is gone")
	case <-time.After(5 * time.Second):
		return errors.New("the broker does not confirm")
	}
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"title": %q, "status": %d, "code": %q}`, code, status, code)
}

func ident() string {
	random := make([]byte, 10)
	rand.Read(random)
	return hex.EncodeToString(random)
}

func main() {
	path := strings.TrimPrefix(os.Getenv("DATABASE_URL"), "sqlite:///") + ".users"
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	s := &service{taken: map[string]bool{}, file: file, events: make(chan map[string]any, 100000)}
	whole := int64(0)
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		var known user
		if err != nil || json.Unmarshal(line, &known) != nil {
			break
		}
		s.taken[known.Email] = true
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		log.Fatal(err)
	}
	go s.announce()
	health := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status": "ready", "checks": {}}`) }
	http.HandleFunc("/users", s.register)
	http.HandleFunc("/healthz", health)
	http.HandleFunc("/readyz", health)
	server := &http.Server{Addr: os.Getenv("HOST") + ":" + os.Getenv("PORT")}
	ended := make(chan struct{})
	go func() {
		asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		<-asked.Done()
		stop()
		server.Shutdown(context.Background())
		for until := time.Now().Add(3 * time.Second); len(s.events) > 0 && time.Now().Before(until); {
			time.Sleep(20 * time.Millisecond)
		}
		close(ended)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-ended
}
