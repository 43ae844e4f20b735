package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

// Mail is the mail server, which tells the customers.
type Mail struct {
	URL    string
	Client *http.Client
}

// OrderCreated asks for the mail and waits for the answer. An order does not depend on it, so a failure is only remarked.
func (m *Mail) OrderCreated(ctx context.Context, userID, orderID string) {
	if err := m.notify(ctx, userID, "order_created", orderID); err != nil {
		logLine("warn", "no mail for order "+orderID+": "+err.Error(), nil)
	}
}

func (m *Mail) notify(ctx context.Context, userID, template, orderID string) error {
	body, err := json.Marshal(map[string]string{"user_id": userID, "template": template, "order_id": orderID})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/notify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := m.Client.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
