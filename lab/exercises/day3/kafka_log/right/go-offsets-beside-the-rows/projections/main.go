// Projections that keep beside the rows how far they have come: what was read of a partition, and what it said, is one
// transaction. The group's own offsets only say where reading begins.
package main

import (
	"bytes"
	"context"
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

const tables = `
CREATE TABLE IF NOT EXISTS projections (id TEXT PRIMARY KEY, view TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS places (of_partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)`

type step struct {
	Version int    `json:"version"`
	Status  string `json:"status"`
}

type view struct {
	OrderID string `json:"order_id"`
	step
	History []step `json:"history"`
}

type event struct {
	ID, Type string
	Data     struct {
		step
		OrderID string `json:"order_id"`
	}
}

type reader struct {
	db       *sql.DB
	mail     http.Client
	notify   string
	producer sarama.SyncProducer
}

func (*reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (r *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-session.Context().Done():
			return nil
		case record, open := <-claim.Messages():
			if !open {
				return nil
			}
			for err := r.take(session.Context(), record); err != nil; err = r.take(session.Context(), record) {
				logLine("warn", fmt.Sprintf("offset %d: %v", record.Offset, err), nil)
				select {
				case <-session.Context().Done():
					return nil
				case <-time.After(250 * time.Millisecond):
				}
			}
			session.MarkOffset(record.Topic, record.Partition, record.Offset+1, "")
		}
	}
}

func (r *reader) take(ctx context.Context, record *sarama.ConsumerMessage) error {
	var next int64
	err := r.db.QueryRowContext(ctx, "SELECT next FROM places WHERE of_partition = ?", record.Partition).Scan(&next)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || record.Offset < next {
		return err
	}
	var told event
	if json.Unmarshal(record.Value, &told) != nil || told.ID == "" || told.Data.OrderID == "" || told.Data.Status == "" {
		_, _, err := r.producer.SendMessage(&sarama.ProducerMessage{
			Topic: "shop.orders.dlt", Key: sarama.ByteEncoder(record.Key), Value: sarama.ByteEncoder(record.Value),
		})
		return err
	}
	if told.Type == "order.shipped" {
		if err := r.write(ctx, told); err != nil {
			return err
		}
	}
	return r.note(ctx, record, told)
}

// write has a customer written to, once for each event.
func (r *reader) write(ctx context.Context, about event) error {
	body, _ := json.Marshal(map[string]string{"template": "order_shipped", "order_id": about.Data.OrderID})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.notify+"/notify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {about.ID}}
	answer, err := r.mail.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return errors.New("the mail server: " + answer.Status)
	}
	return nil
}

// note does nothing about what another one of us has noted in the meantime.
func (r *reader) note(ctx context.Context, record *sarama.ConsumerMessage, told event) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	moved, err := tx.Exec(
		"INSERT INTO places VALUES (?, ?) ON CONFLICT (of_partition) DO UPDATE SET next = excluded.next WHERE next < excluded.next",
		record.Partition, record.Offset+1)
	if err != nil {
		return err
	}
	if rows, err := moved.RowsAffected(); err != nil || rows == 0 {
		return err
	}
	shown, err := find(tx, told.Data.OrderID)
	if err != nil {
		return err
	}
	shown.step = told.Data.step
	shown.History = append(shown.History, shown.step)
	text, err := json.Marshal(shown)
	if err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT OR REPLACE INTO projections VALUES (?, ?)", shown.OrderID, text); err != nil {
		return err
	}
	return tx.Commit()
}

func find(from interface {
	QueryRow(string, ...any) *sql.Row
}, id string) (view, error) {
	found := view{OrderID: id}
	var text []byte
	err := from.QueryRow("SELECT view FROM projections WHERE id = ?", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(text, &found)
}

func (r *reader) show(w http.ResponseWriter, asked *http.Request) {
	found, err := find(r.db, strings.TrimPrefix(asked.URL.Path, "/projections/orders/"))
	var body any = found
	w.Header().Set("Content-Type", "application/json")
	if err != nil || found.Version == 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		body = map[string]any{"status": 404, "code": "unknown_order"}
	}
	json.NewEncoder(w).Encode(body)
}

func main() {
	brokers := strings.Split(mustEnv("KAFKA_BOOTSTRAP"), ",")
	file := strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///")
	db, err := sql.Open("sqlite3", file+"?_busy_timeout=5000&_journal_mode=WAL&_txlock=immediate")
	orExit(err)
	_, err = db.Exec(tables)
	orExit(err)
	config := sarama.NewConfig()
	config.Version = sarama.V0_11_0_0
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Session.Timeout = envMillis("SESSION_TIMEOUT_MS", 6000)
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Group.Rebalance.Strategy = sarama.BalanceStrategyRoundRobin
	producer, err := sarama.NewSyncProducer(brokers, config)
	orExit(err)
	r := &reader{db, http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)}, mustEnv("NOTIFY_URL"), producer}
	stop := inBackground(func(ctx context.Context) {
		for ; ctx.Err() == nil; pause(ctx, 300*time.Millisecond) {
			group, err := sarama.NewConsumerGroup(brokers, mustEnv("GROUP_ID"), config)
			for err == nil && ctx.Err() == nil {
				err = group.Consume(ctx, []string{"shop.orders"}, r)
			}
			if err != nil {
				logLine("warn", err.Error(), nil)
			}
			if group != nil {
				group.Close()
			}
		}
	})
	defer stop()
	routes := http.NewServeMux()
	routes.HandleFunc("/projections/orders/", r.show)
	serve(routes)
}
