package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Mailer talks to the mailer, which may be slow, gone, or lose its answer. Any goroutine may use it.
type Mailer struct {
	url    string
	client http.Client
}

// Send has the mail sent. The order's id is the key, so the mailer sends it once however often we ask. After an error
// nobody knows whether the mail went out: ask again.
func (m *Mailer) Send(ctx context.Context, userID, template, orderID, correlationID string) error {
	body, err := json.Marshal(map[string]string{"user_id": userID, "template": template, "order_id": orderID})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/notify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", correlationID)
	request.Header.Set("Idempotency-Key", orderID)
	answer, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the mailer answered %s", answer.Status)
	}
	return nil
}
