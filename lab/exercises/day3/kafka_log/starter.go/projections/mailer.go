package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Mailer talks to the mail server, which may be slow, gone, or lose its answer. Any goroutine may use it.
type Mailer struct {
	URL    string
	Client *http.Client
}

// Send has the mail about an event sent. The event's id is the key, so it is sent once however often we ask. After an error
// nobody knows whether the mail went out: ask again.
func (m *Mailer) Send(ctx context.Context, template, orderID string, about Event) error {
	body, err := json.Marshal(map[string]string{"template": template, "order_id": orderID})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/notify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", about.CorrelationID)
	request.Header.Set("Idempotency-Key", about.ID)
	answer, err := m.Client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the mail server answered %s", answer.Status)
	}
	return nil
}
