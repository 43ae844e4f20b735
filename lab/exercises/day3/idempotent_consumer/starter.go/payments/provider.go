package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Provider talks to the payment provider, which may be slow, gone, or lose its answer.
type Provider struct {
	URL    string
	Client *http.Client
}

type Decision struct{ Status, ChargeID string }

// Charge returns what the provider has decided. After an error nobody knows whether it was charged.
func (p *Provider) Charge(ctx context.Context, orderID string, amount int64, requestID string) (Decision, error) {
	body, err := json.Marshal(map[string]any{"order_id": orderID, "amount": amount})
	if err != nil {
		return Decision{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/charges", bytes.NewReader(body))
	if err != nil {
		return Decision{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", requestID)
	// TODO: a new key each time makes every attempt a new charge to the provider.
	request.Header.Set("Idempotency-Key", newID())
	response, err := p.Client.Do(request)
	if err != nil {
		return Decision{}, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusCreated:
		var charge struct {
			ID string `json:"id"`
		}
		err := json.NewDecoder(response.Body).Decode(&charge)
		return Decision{"approved", charge.ID}, err
	case http.StatusPaymentRequired:
		return Decision{Status: "declined"}, nil
	default:
		return Decision{}, fmt.Errorf("the provider answered %s", response.Status)
	}
}
