package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// What the provider decides of an order.
const (
	approved = "approved"
	declined = "declined"
	refunded = "refunded"
)

// Provider talks to the payment provider, which may be slow, gone, or lose its answer. After an error nobody knows whether
// it was done: ask again, with the same key.
type Provider struct {
	url    string
	client http.Client
}

// Charge returns approved, declined, or refunded: it was given back before, and nothing is charged any more.
func (p *Provider) Charge(ctx context.Context, orderID string, amount int64, correlationID string) (string, error) {
	status, err := p.ask(ctx, "/charges", orderID, correlationID, map[string]any{"order_id": orderID, "amount": amount})
	if err != nil {
		return "", err
	}
	switch status {
	case http.StatusCreated:
		return approved, nil
	case http.StatusPaymentRequired:
		return declined, nil
	case http.StatusConflict:
		return refunded, nil
	}
	return "", fmt.Errorf("the provider answered %d", status)
}

// Refund gives back all that was charged for the order; nothing is charged for it afterwards.
func (p *Provider) Refund(ctx context.Context, orderID, correlationID string) error {
	status, err := p.ask(ctx, "/refunds", orderID, correlationID, map[string]any{"order_id": orderID})
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("the provider answered %d", status)
	}
	return err
}

func (p *Provider) ask(ctx context.Context, path, key, correlationID string, what any) (int, error) {
	body, err := json.Marshal(what)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", correlationID)
	request.Header.Set("Idempotency-Key", key)
	answer, err := p.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return answer.StatusCode, nil
}
