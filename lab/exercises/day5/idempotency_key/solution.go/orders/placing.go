package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Placing takes an order and the money for it, once for each key however often it is asked.
type Placing struct {
	orders   *Orders
	keys     *Keys
	provider *Provider
}

func (p *Placing) place(w http.ResponseWriter, r *http.Request, userID string) error {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return problem(http.StatusBadRequest, "idempotency_key_missing", "An order needs an Idempotency-Key.")
	}
	var asked NewOrder
	if err := read(r, &asked); err != nil {
		return err
	}
	if err := asked.check(); err != nil {
		return err
	}
	content, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	answer, turn, err := p.keys.Begin(r.Context(), userID, key, content)
	if err != nil {
		var known *Problem
		if errors.As(err, &known) && known.Status == http.StatusConflict {
			w.Header().Set("Retry-After", "1")
		}
		return err
	}
	if answer == nil {
		// What was begun is finished, also if the client has left: it will ask again.
		found, err := p.work(context.Background(), turn, asked, r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		answer = &found
	}
	kind := "application/json"
	if answer.Status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(answer.Status)
	io.WriteString(w, answer.Body)
	return nil
}

// work has no transaction open while the provider is asked. Killed in here, we leave a lease that runs out.
func (p *Placing) work(ctx context.Context, turn Turn, asked NewOrder, requestID string) (Answer, error) {
	decision, err := p.provider.Charge(ctx, turn.OrderID, asked.Amount, requestID)
	if err != nil {
		logLine("warn", "payment is unavailable: "+err.Error(), map[string]any{"request_id": requestID})
		if err := p.keys.GiveUp(ctx, turn); err != nil {
			return Answer{}, err
		}
		return Answer{}, problem(http.StatusServiceUnavailable, "payment_unavailable", "The payment provider does not answer.")
	}
	if decision.Status == "declined" {
		declined := problem(http.StatusPaymentRequired, "payment_declined", "The payment was declined.")
		return p.finish(ctx, turn, http.StatusPaymentRequired, declined, func(*sql.Tx) error { return nil })
	}
	order := Order{turn.OrderID, turn.UserID, asked.SKU, asked.Amount, "paid", decision.ChargeID, ""}
	return p.finish(ctx, turn, http.StatusCreated, order, func(tx *sql.Tx) error { return p.orders.Add(tx, order) })
}

func (p *Placing) finish(ctx context.Context, turn Turn, status int, body any, with func(*sql.Tx) error) (Answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Answer{}, err
	}
	return p.keys.Finish(ctx, turn, Answer{status, string(text)}, with)
}
