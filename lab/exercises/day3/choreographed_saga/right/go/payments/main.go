// Payments with Go's own library: a goroutine for each event; the provider decides who was first.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

var client = &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)}

func post(path, key string, event Event, body map[string]any) (int, error) {
	text, _ := json.Marshal(body)
	request, err := http.NewRequest(http.MethodPost, mustEnv("PAYMENT_URL")+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("X-Request-ID", event.CorrelationID)
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func charge(journal *Journal, event Event) error {
	id := event.order()
	amount, _ := event.Data["amount"].(float64)
	if amount <= 0 {
		return errNever
	}
	if _, known := journal.get(id); known {
		return nil
	}
	code, err := post("/charges", id, event, map[string]any{"order_id": id, "amount": int64(amount)})
	if err != nil {
		return err
	}
	decisions := map[int]string{201: "approved", 402: "declined", 409: "refunded"}
	decision, decided := decisions[code]
	if !decided {
		return fmt.Errorf("the provider answered %d", code)
	}
	return journal.change(func(payments map[string]Record) *Line {
		if _, known := payments[id]; known {
			return nil
		}
		line := &Line{Key: id, Record: &Record{Amount: int64(amount), Status: decision}}
		if decision != "refunded" {
			line.Event = happened("payment."+decision, event.CorrelationID, map[string]any{"order_id": id})
		}
		return line
	})
}

// refund gives back what was charged; if nothing was yet, the provider refuses the charge that is still to come.
func refund(journal *Journal, event Event) error {
	id := event.order()
	if code, err := post("/refunds", "refund:"+id, event, map[string]any{"order_id": id}); err != nil || code != 201 {
		return fmt.Errorf("a refund: %d %v", code, err)
	}
	return journal.change(func(map[string]Record) *Line {
		return &Line{Key: id, Record: &Record{Status: "refunded"}}
	})
}

func main() {
	journal, err := openJournal()
	if err != nil {
		logLine("error", err.Error(), nil)
		os.Exit(1)
	}
	go relay(journal.untold, journal.told)
	go consume("payments.order-events", []string{"order.created", "order.cancelled"}, func(event Event) error {
		if event.Type == "order.cancelled" {
			return refund(journal, event)
		}
		return charge(journal, event)
	})
	serve(http.NewServeMux())
}
