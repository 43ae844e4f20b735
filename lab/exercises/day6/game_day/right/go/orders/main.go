// Orders with Go's own library: a state machine over an append-only journal.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
)

type refusal struct {
	status int
	code   string
}

type view struct {
	ID string `json:"id"`
	Record
}

func say(w http.ResponseWriter, status int, body any) {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, why refusal) {
	say(w, why.status, map[string]any{"title": why.code, "status": why.status, "code": why.code})
}

// settle ends a pending order; whether it did.
func settle(journal *Journal, id, status, reason, correlation string) (found, ended bool, err error) {
	err = journal.change(func(orders map[string]Record) *Line {
		order, there := orders[id]
		found = there
		if !there || order.Status != "pending" {
			return nil
		}
		ended = true
		order.Status, order.Reason = status, reason
		event := happened("order."+status, correlation, map[string]any{"order_id": id, "reason": reason})
		return &Line{Key: id, Record: &order, Event: event}
	})
	return found, ended, err
}

func place(journal *Journal, w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Ref       string
		ProductID string `json:"product_id"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Ref == "" || asked.ProductID == "" {
		refuse(w, refusal{400, "bad_order"})
		return
	}
	price, why := priceOf(asked.ProductID, r.Header.Get("X-Request-ID"))
	if why != nil {
		refuse(w, *why)
		return
	}
	id, taken := newID(), false
	order := Record{Ref: asked.Ref, ProductID: asked.ProductID, Amount: price, Status: "pending"}
	err := journal.change(func(orders map[string]Record) *Line {
		for _, other := range orders {
			taken = taken || other.Ref == asked.Ref
		}
		if taken {
			return nil
		}
		data := map[string]any{"order_id": id, "ref": asked.Ref, "amount": price}
		return &Line{Key: id, Record: &order, Event: happened("order.created", r.Header.Get("X-Request-ID"), data)}
	})
	switch {
	case err != nil:
		refuse(w, refusal{500, "internal"})
	case taken:
		refuse(w, refusal{409, "duplicate_ref"})
	default:
		say(w, 201, view{id, order})
	}
}

func one(journal *Journal, w http.ResponseWriter, r *http.Request) {
	id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/orders/"), "/")
	ended := true
	var err error
	if action == "cancel" && r.Method == http.MethodPost {
		_, ended, err = settle(journal, id, "cancelled", "cancelled_by_customer", r.Header.Get("X-Request-ID"))
	}
	order, there := journal.get(id)
	switch {
	case err != nil:
		refuse(w, refusal{500, "internal"})
	case !there:
		refuse(w, refusal{404, "unknown_order"})
	case !ended:
		refuse(w, refusal{409, "already_" + order.Status})
	default:
		say(w, 200, view{id, order})
	}
}

func main() {
	journal, err := openJournal()
	if err != nil {
		logLine("error", err.Error(), nil)
		os.Exit(1)
	}
	go relay(journal.untold, journal.told)
	go consume("orders.payment-result", []string{"payment.approved", "payment.declined"}, func(event Event) error {
		status, reason := "confirmed", ""
		if event.Type == "payment.declined" {
			status, reason = "cancelled", "payment_declined"
		}
		found, _, err := settle(journal, event.order(), status, reason, event.CorrelationID)
		if err == nil && !found {
			err = errNever
		}
		return err
	})
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) { place(journal, w, r) })
	routes.HandleFunc("/orders/", func(w http.ResponseWriter, r *http.Request) { one(journal, w, r) })
	serve(routes)
}
