package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ErrUndeliverable: the mail server says that this mail can never be sent.
var ErrUndeliverable = errors.New("undeliverable")

// Mailer hands a mail to the mail server.
type Mailer struct {
	url    string
	client http.Client
}

// Send sends it; of any number of mails with the same key the mail server sends the first. After an error that is not
// ErrUndeliverable nobody knows whether it was sent: try again, with the same key.
func (m *Mailer) Send(ctx context.Context, orderID, template, key, correlationID string) error {
	body, err := json.Marshal(map[string]string{"order_id": orderID, "template": template})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/notify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", correlationID)
	request.Header.Set("Idempotency-Key", key)
	answer, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusAccepted:
		return nil
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %s of order %s", ErrUndeliverable, template, orderID)
	default:
		return fmt.Errorf("the mail server answered %s", answer.Status)
	}
}
