// Orders with nothing but Go's own library: a book on disk that the instances share, and a lease on each request.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

type shop struct {
	book   *Book
	client *http.Client
	url    string
	lease  time.Duration
}

type reply struct {
	status int
	body   []byte
}

func main() {
	book, err := OpenBook(strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///") + ".book")
	if err != nil {
		logLine("error", err.Error(), nil)
		os.Exit(1)
	}
	s := &shop{
		book:   book,
		client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 1000)},
		url:    mustEnv("PAYMENT_URL") + "/charges",
		lease:  time.Duration(envInt("IDEMPOTENCY_LEASE_S", 5)) * time.Second,
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", s.orders)
	routes.HandleFunc("/orders/", s.note)
	serve(routes)
}

func (s *shop) orders(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get("X-User-ID")
	switch r.Method {
	case http.MethodGet:
		items := []Order{}
		err := s.book.Update(func() *Page {
			for _, id := range s.book.placed {
				if order := s.book.orders[id]; order.UserID == user {
					items = append(items, order)
				}
			}
			return nil
		})
		if err != nil {
			write(w, problem(500, "internal"))
			return
		}
		write(w, said(200, map[string]any{"items": items}))
	case http.MethodPost:
		write(w, s.place(user, r))
	default:
		write(w, problem(405, "method_not_allowed"))
	}
}

func (s *shop) place(user string, r *http.Request) reply {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return problem(400, "idempotency_key_missing")
	}
	asked, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var wanted struct {
		SKU    string `json:"sku"`
		Amount int64  `json:"amount"`
	}
	if err != nil || json.Unmarshal(asked, &wanted) != nil || wanted.SKU == "" || wanted.Amount <= 0 {
		return problem(422, "invalid_request")
	}

	var request Request
	var known *reply
	err = s.book.Update(func() *Page {
		found, there := s.book.requests[owner{user, key}]
		switch {
		case !there:
			found = Request{User: user, Key: key, Asked: string(asked), OrderID: newID()}
		case found.Asked != string(asked):
			known = ptr(problem(422, "idempotency_key_reused"))
		case found.Status != 0:
			known = &reply{found.Status, found.Body}
		case time.Since(found.Since) < s.lease:
			known = ptr(problem(409, "request_in_progress"))
		}
		if known != nil {
			return nil
		}
		found.Since = time.Now()
		request = found
		return &Page{Request: &request}
	})
	if err != nil {
		return problem(500, "internal")
	}
	if known != nil {
		return *known
	}

	status, charge := s.charge(request.OrderID, wanted.Amount)
	var order *Order
	var answer reply
	switch status {
	case 201:
		order = &Order{request.OrderID, user, wanted.SKU, wanted.Amount, "paid", charge, ""}
		answer = said(201, order)
	case 402:
		answer = problem(402, "payment_declined")
	default:
		answer = problem(503, "payment_unavailable")
	}
	err = s.book.Update(func() *Page {
		now := s.book.requests[owner{user, key}]
		if now.Status != 0 { // somebody took over from us and was faster
			answer = reply{now.Status, now.Body}
			return nil
		}
		now.Since = time.Time{}
		if answer.status != 503 {
			now.Status, now.Body = answer.status, answer.body
		}
		return &Page{Request: &now, Order: order}
	})
	if err != nil {
		return problem(500, "internal")
	}
	return answer
}

// charge asks twice: the second time costs nothing, because the order's id is the key.
func (s *shop) charge(order string, amount int64) (status int, id string) {
	body, _ := json.Marshal(map[string]any{"order_id": order, "amount": amount})
	for attempt := 0; attempt < 2; attempt++ {
		request, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
		if err != nil {
			return 0, ""
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", order)
		answer, err := s.client.Do(request)
		if err != nil {
			continue
		}
		var charge struct {
			ID string `json:"id"`
		}
		err = json.NewDecoder(answer.Body).Decode(&charge)
		answer.Body.Close()
		if err == nil && (answer.StatusCode == 201 || answer.StatusCode == 402) {
			return answer.StatusCode, charge.ID
		}
	}
	return 0, ""
}

func (s *shop) note(w http.ResponseWriter, r *http.Request) {
	id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/orders/"), "/")
	var sent struct {
		Note string `json:"note"`
	}
	if r.Method != http.MethodPut || action != "note" || json.NewDecoder(r.Body).Decode(&sent) != nil {
		write(w, problem(404, "not_found"))
		return
	}
	answer := problem(404, "unknown_order")
	err := s.book.Update(func() *Page {
		order, there := s.book.orders[id]
		if !there || order.UserID != r.Header.Get("X-User-ID") {
			return nil
		}
		order.Note = sent.Note
		answer = said(200, order)
		return &Page{Order: &order}
	})
	if err != nil {
		answer = problem(500, "internal")
	}
	write(w, answer)
}

func said(status int, value any) reply {
	body, err := json.Marshal(value)
	if err != nil {
		return problem(500, "internal")
	}
	return reply{status, body}
}

func problem(status int, code string) reply {
	body, _ := json.Marshal(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
	return reply{status, body}
}

func write(w http.ResponseWriter, r reply) {
	kind := "application/json"
	if r.status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(r.status)
	w.Write(r.body)
}

func newID() string {
	var random [12]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

func ptr(r reply) *reply { return &r }
