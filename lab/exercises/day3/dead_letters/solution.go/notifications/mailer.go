package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ErrRefused says that the mailer will never send this mail: trying again cannot help.
var ErrRefused = errors.New("refused")

// Mailer talks to the mailer, which may be slow, gone, or lose its answer. Any goroutine may use it.
type Mailer struct {
	url    string
	client http.Client
}

// Send has the mail sent. The order's id is the key, so the mailer sends it once however often we ask. After an error other
// than ErrRefused nobody knows whether the mail went out: ask again.
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
	switch {
	case answer.StatusCode == http.StatusAccepted:
		return nil
	case answer.StatusCode/100 == 4:
		return fmt.Errorf("%w: the mailer answered %s", ErrRefused, answer.Status)
	default:
		return fmt.Errorf("the mailer answered %s", answer.Status)
	}
}
