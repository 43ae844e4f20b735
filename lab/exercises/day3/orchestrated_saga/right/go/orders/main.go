// Orders with Go's own library: a goroutine for each saga, and a lock on a file that says whose it is.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

type refusal string

func (r refusal) Error() string { return string(r) }

type call struct {
	method, url string
	body        map[string]any
}

type conductor struct {
	book    Book
	client  *http.Client
	timeout time.Duration
	pause   time.Duration
	turn    sync.Mutex
	known   map[string]bool // what is conducted here or has ended
}

func callOf(order *Order, action string) call {
	inventory, payment := mustEnv("INVENTORY_URL")+"/reservations", mustEnv("PAYMENT_URL")
	switch action {
	case "reserve":
		return call{"POST", inventory, map[string]any{"order_id": order.ID, "sku": order.SKU}}
	case "charge":
		return call{"POST", payment + "/charges", map[string]any{"order_id": order.ID, "amount": order.Amount}}
	case "confirm":
		return call{"POST", inventory + "/" + order.ID + "/commit", nil}
	case "notify":
		return call{"POST", mustEnv("NOTIFY_URL") + "/notify", map[string]any{"order_id": order.ID, "template": "order_confirmed"}}
	case "refund":
		return call{"POST", payment + "/refunds", map[string]any{"order_id": order.ID}}
	}
	return call{"DELETE", inventory + "/" + order.ID, nil}
}

func (c *conductor) ask(order *Order, action string) error {
	wanted := callOf(order, action)
	var body io.Reader
	if wanted.body != nil {
		text, _ := json.Marshal(wanted.body)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequest(wanted.method, wanted.url, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", order.ID+":"+action)
	request.Header.Set("X-Request-ID", order.RequestID)
	answer, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode < 300:
		return nil
	case answer.StatusCode == 402:
		return refusal("payment_declined")
	case answer.StatusCode == 409 || answer.StatusCode == 422:
		var problem struct{ Code string }
		json.Unmarshal(text, &problem)
		return refusal(problem.Code)
	}
	return fmt.Errorf("%s was answered with %d", action, answer.StatusCode)
}

// insist asks until there is an answer, or until the time is over.
func (c *conductor) insist(order *Order, action string, until time.Time) error {
	for {
		err := c.ask(order, action)
		var no refusal
		if err == nil || errors.As(err, &no) {
			return err
		}
		logLine("warn", err.Error(), map[string]any{"order": order.ID})
		if !until.IsZero() && time.Now().After(until) {
			return refusal("timeout")
		}
		time.Sleep(c.pause)
	}
}

func (c *conductor) save(order *Order) {
	for err := c.book.write(order); err != nil; err = c.book.write(order) {
		logLine("error", err.Error(), nil)
		time.Sleep(c.pause)
	}
}

func (c *conductor) forwards(order *Order) {
	for i := range order.Steps {
		step := &order.Steps[i]
		if step.Status != "pending" && step.Status != "begun" {
			continue
		}
		until := order.Placed.Add(c.timeout)
		if step.Name == "notify" {
			until = time.Time{}
		} else if time.Now().After(until) {
			c.turnRound(order, "timeout")
			return
		}
		step.Status = "begun"
		c.save(order)
		err := c.insist(order, step.Name, until)
		switch {
		case err == nil:
			step.Status = "done"
		case err.Error() == "timeout":
			c.turnRound(order, "timeout")
			return
		case step.Name == "notify":
			step.Status = "refused"
		default:
			step.Status = "refused"
			c.turnRound(order, err.Error())
			return
		}
		if step.Name == "confirm" {
			order.Status = "confirmed"
		}
		if step.Name == "notify" {
			order.State = "completed"
		}
		c.save(order)
	}
}

func (c *conductor) turnRound(order *Order, reason string) {
	order.State, order.Reason = "compensating", &reason
	c.save(order)
}

func (c *conductor) backwards(order *Order) {
	for i := len(order.Steps) - 1; i >= 0; i-- {
		step := &order.Steps[i]
		action, undoable := map[string]string{"charge": "refund", "reserve": "release"}[step.Name]
		if !undoable || (step.Status != "begun" && step.Status != "done") {
			continue
		}
		for c.insist(order, action, time.Time{}) != nil {
			time.Sleep(c.pause)
		}
		step.Status = "undone"
		c.save(order)
	}
	order.State, order.Status = "compensated", "cancelled"
	c.save(order)
}

// conduct brings the order to its end, unless somebody else is at it.
func (c *conductor) conduct(id string) {
	release, held := c.book.hold(id)
	if !held {
		c.mark(id, false)
		return
	}
	defer release()
	order, err := c.book.read(id)
	if err != nil {
		c.mark(id, false)
		return
	}
	if order.State == "running" {
		c.forwards(order)
	}
	if order.State == "compensating" {
		c.backwards(order)
	}
}

// mark notes whether the order is looked after; whether that is new.
func (c *conductor) mark(id string, known bool) bool {
	c.turn.Lock()
	defer c.turn.Unlock()
	fresh := c.known[id] != known
	c.known[id] = known
	return fresh
}

func (c *conductor) run() {
	for ; ; time.Sleep(300 * time.Millisecond) {
		for _, id := range c.book.all() {
			if c.mark(id, true) {
				go c.conduct(id)
			}
		}
	}
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

func problem(w http.ResponseWriter, status int, code string) {
	say(w, status, map[string]any{"title": code, "status": status, "code": code})
}

func (c *conductor) place(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		SKU    string
		Amount int64
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil || asked.SKU == "" || asked.Amount <= 0 {
		problem(w, 422, "bad_order")
		return
	}
	random := make([]byte, 12)
	rand.Read(random)
	order := Order{
		ID: hex.EncodeToString(random), SKU: asked.SKU, Amount: asked.Amount, Status: "pending", State: "running",
		RequestID: r.Header.Get("X-Request-ID"), Placed: time.Now(),
	}
	for _, name := range []string{"reserve", "charge", "confirm", "notify"} {
		order.Steps = append(order.Steps, Step{name, "pending"})
	}
	if err := c.book.write(&order); err != nil {
		problem(w, 500, "internal")
		return
	}
	if c.mark(order.ID, true) {
		go c.conduct(order.ID)
	}
	say(w, 202, map[string]any{"id": order.ID, "sku": order.SKU, "amount": order.Amount, "status": "pending"})
}

func (c *conductor) show(view func(*Order) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		order, err := c.book.read(filepath.Base(r.URL.Path))
		if err != nil {
			problem(w, 404, "unknown_order")
			return
		}
		say(w, 200, view(order))
	}
}

func main() {
	book, err := openBook()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c := &conductor{
		book: book, client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 1000)},
		timeout: envMillis("SAGA_TIMEOUT_MS", 4000), pause: envMillis("RETRY_DELAY_MS", 200), known: map[string]bool{},
	}
	go c.run()
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", c.place)
	routes.HandleFunc("/orders/", c.show(func(order *Order) any {
		return map[string]any{
			"id": order.ID, "sku": order.SKU, "amount": order.Amount, "status": order.Status, "reason": order.Reason,
		}
	}))
	routes.HandleFunc("/sagas/", c.show(func(order *Order) any {
		return map[string]any{"state": order.State, "steps": order.Steps}
	}))
	serve(routes)
}
