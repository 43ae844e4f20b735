package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// A Refusal is a neighbour's no, and why. Asking again gets the same answer.
type Refusal struct{ Reason string }

func (r Refusal) Error() string { return "refused: " + r.Reason }

// Neighbours are inventory, payment and the mail server. Each may be slow, gone, or lose its answer.
type Neighbours struct {
	Inventory, Payment, Notify string
	Client                     *http.Client
}

// Ask returns nil when it is done, and a Refusal for a no. After any other error nobody knows whether it was done: ask again,
// the key is the same.
func (n *Neighbours) Ask(ctx context.Context, action string, order Order) error {
	switch action {
	case "reserve":
		return n.ask(ctx, "POST", n.Inventory+"/reservations", action, order, map[string]any{"order_id": order.ID, "sku": order.SKU})
	case "charge":
		return n.ask(ctx, "POST", n.Payment+"/charges", action, order, map[string]any{"order_id": order.ID, "amount": order.Amount})
	case "confirm":
		return n.ask(ctx, "POST", n.Inventory+"/reservations/"+order.ID+"/commit", action, order, nil)
	case "notify":
		mail := map[string]any{"order_id": order.ID, "template": "order_confirmed"}
		return n.ask(ctx, "POST", n.Notify+"/notify", action, order, mail)
	case "refund":
		return n.ask(ctx, "POST", n.Payment+"/refunds", action, order, map[string]any{"order_id": order.ID})
	case "release":
		return n.ask(ctx, "DELETE", n.Inventory+"/reservations/"+order.ID, action, order, nil)
	default:
		return fmt.Errorf("nobody knows how to %s", action)
	}
}

func (n *Neighbours) ask(ctx context.Context, method, url, action string, order Order, body map[string]any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, sent)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", order.ID+":"+action)
	request.Header.Set("X-Request-ID", order.RequestID)
	answer, err := n.Client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return nil
	case http.StatusPaymentRequired:
		return Refusal{"payment_declined"}
	case http.StatusConflict, http.StatusUnprocessableEntity:
		var told Problem
		if json.NewDecoder(answer.Body).Decode(&told) != nil || told.Code == "" {
			told.Code = "refused"
		}
		return Refusal{told.Code}
	default:
		return fmt.Errorf("%s was answered with %s", action, answer.Status)
	}
}
