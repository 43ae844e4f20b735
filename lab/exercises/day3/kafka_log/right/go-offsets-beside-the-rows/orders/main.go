// Orders with an asynchronous producer: each request waits for what the brokers say of its own record.
package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Shopify/sarama"
	_ "github.com/mattn/go-sqlite3"
)

type shop struct {
	db       *sql.DB
	producer sarama.AsyncProducer
}

type order struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version int    `json:"version"`
}

func (s *shop) place(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Amount int }
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Amount <= 0 {
		refuse(w, http.StatusUnprocessableEntity, "invalid_request")
		return
	}
	made := order{fmt.Sprintf("%x", time.Now().UnixNano()), "created", 1}
	if _, err := s.db.Exec("INSERT INTO orders VALUES (?, 'created', 1)", made.ID); err != nil {
		refuse(w, http.StatusInternalServerError, "database")
		return
	}
	s.told(w, r, http.StatusCreated, made)
}

func (s *shop) change(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/orders/"), "/status")
	changed := order{ID: id}
	if json.NewDecoder(r.Body).Decode(&changed) != nil || changed.Status == "" {
		refuse(w, http.StatusUnprocessableEntity, "invalid_request")
		return
	}
	row := s.db.QueryRow("UPDATE orders SET status = ?, version = version + 1 WHERE id = ? RETURNING version", changed.Status, id)
	if err := row.Scan(&changed.Version); errors.Is(err, sql.ErrNoRows) {
		refuse(w, http.StatusNotFound, "unknown_order")
		return
	} else if err != nil {
		refuse(w, http.StatusInternalServerError, "database")
		return
	}
	changed.ID = id
	s.told(w, r, http.StatusOK, changed)
}

// told answers once the brokers have the event.
func (s *shop) told(w http.ResponseWriter, r *http.Request, status int, about order) {
	event, _ := json.Marshal(map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%s.%d", about.ID, about.Version), "source": "/orders",
		"type": "order." + about.Status, "time": time.Now().Format(time.RFC3339Nano),
		"correlationid": r.Header.Get("X-Request-ID"),
		"data":          map[string]any{"order_id": about.ID, "status": about.Status, "version": about.Version},
	})
	stored := make(chan error, 1)
	s.producer.Input() <- &sarama.ProducerMessage{
		Topic: "shop.orders", Key: sarama.StringEncoder(about.ID), Value: sarama.ByteEncoder(event), Metadata: stored,
	}
	if err := <-stored; err != nil {
		refuse(w, http.StatusServiceUnavailable, "kafka")
		return
	}
	answer(w, status, "application/json", about)
}

// hear brings each request the news of its record.
func (s *shop) hear() {
	for {
		select {
		case record := <-s.producer.Successes():
			record.Metadata.(chan error) <- nil
		case failed := <-s.producer.Errors():
			failed.Msg.Metadata.(chan error) <- failed.Err
		}
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, "application/problem+json", map[string]any{"status": status, "code": code})
}

func answer(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func main() {
	db, err := sql.Open("sqlite3", strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///")+"?_busy_timeout=5000")
	orExit(err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, status TEXT, version INTEGER)")
	orExit(err)
	config := sarama.NewConfig()
	config.Version = sarama.V0_11_0_0
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewAsyncProducer(strings.Split(mustEnv("KAFKA_BOOTSTRAP"), ","), config)
	orExit(err)
	s := &shop{db, producer}
	go s.hear()
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", s.place)
	routes.HandleFunc("/orders/", s.change)
	serve(routes)
}
