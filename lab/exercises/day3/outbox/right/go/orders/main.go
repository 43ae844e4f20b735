// Orders with Go's own library. An order and its event are one line of a file, so either both are there or neither.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type refusal struct {
	status int
	code   string
}

func (r refusal) Error() string { return r.code }

type handler func(r *http.Request, requestID string) (int, any, error)

func (handle handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := r.Header.Get("X-Request-ID")
	if requestID == "" {
		requestID = ident()
	}
	status, body, err := handle(r, requestID)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		why, known := err.(refusal)
		if !known {
			log.Print(err)
			why = refusal{500, "internal"}
		}
		w.Header().Set("Content-Type", "application/problem+json")
		status, body = why.status, map[string]any{"title": why.code, "status": why.status, "code": why.code}
	}
	w.Header().Set("X-Request-ID", requestID)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func place(ledger *Ledger) handler {
	return func(r *http.Request, requestID string) (int, any, error) {
		var asked struct {
			Ref    *string
			Amount *int64
		}
		if r.Method != http.MethodPost {
			return 0, nil, refusal{405, "method_not_allowed"}
		}
		if json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<16)).Decode(&asked) != nil ||
			asked.Ref == nil || *asked.Ref == "" || asked.Amount == nil || *asked.Amount < 0 {
			return 0, nil, refusal{422, "bad_order"}
		}
		order := Order{ID: ident(), Ref: *asked.Ref, Amount: *asked.Amount, Status: "pending"}
		data := map[string]any{"order_id": order.ID, "ref": order.Ref, "amount": order.Amount}
		return 201, order, ledger.Turn(func() error {
			if ledger.Refs[order.Ref] {
				return refusal{409, "duplicate_ref"}
			}
			return ledger.Write(Entry{Order: &order, Event: event("order.created", requestID, data)})
		})
	}
}

// one is an order by its id: it is shown, or cancelled.
func one(ledger *Ledger) handler {
	return func(r *http.Request, requestID string) (int, any, error) {
		id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/orders/"), "/")
		show, cancel := action == "" && r.Method == http.MethodGet, action == "cancel" && r.Method == http.MethodPost
		if !show && !cancel {
			return 0, nil, refusal{404, "not_found"}
		}
		var order Order
		return 200, &order, ledger.Turn(func() error {
			found, there := ledger.Orders[id]
			order = found
			if !there {
				return refusal{404, "unknown_order"}
			}
			if show {
				return nil
			}
			if order.Status == "cancelled" {
				return refusal{409, "already_cancelled"}
			}
			order.Status = "cancelled"
			return ledger.Write(Entry{Order: &order, Event: event("order.cancelled", requestID, map[string]any{"order_id": id})})
		})
	}
}

func event(kind, requestID string, data map[string]any) *Event {
	return &Event{
		SpecVersion: "1.0", ID: ident(), Source: "/orders", Type: kind, Time: time.Now().UTC().Format(time.RFC3339),
		CorrelationID: requestID, Data: data,
	}
}

func ident() string {
	random := make([]byte, 16)
	rand.Read(random)
	return hex.EncodeToString(random)
}

type lines struct{}

func (lines) Write(text []byte) (int, error) {
	said, _ := json.Marshal(map[string]string{
		"ts": time.Now().UTC().Format(time.RFC3339), "level": "info", "service": "orders", "msg": strings.TrimSpace(string(text)),
	})
	fmt.Println(string(said))
	return len(text), nil
}

func main() {
	log.SetFlags(0)
	log.SetOutput(lines{})
	path := strings.TrimPrefix(os.Getenv("DATABASE_URL"), "sqlite:///")
	ledger, err := OpenLedger(path + ".ledger")
	if err != nil {
		log.Fatal(err)
	}
	lock, err := os.Create(path + ".relay")
	if err != nil {
		log.Fatal(err)
	}
	go relay(ledger, lock)
	health := handler(func(*http.Request, string) (int, any, error) {
		return 200, map[string]any{"status": "ready", "checks": map[string]string{}}, nil
	})
	http.Handle("/healthz", health)
	http.Handle("/readyz", health)
	http.Handle("/orders", place(ledger))
	http.Handle("/orders/", one(ledger))
	http.Handle("/admin/outbox", handler(func(*http.Request, string) (int, any, error) {
		pending := 0
		err := ledger.Turn(func() error {
			pending = len(ledger.Waiting)
			return nil
		})
		return 200, map[string]int{"pending": pending}, err
	}))
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
