package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Mail is the mail server, which writes to the users.
type Mail struct {
	URL    string
	Client *http.Client // its Timeout is how long the mail server may take to answer
}

// Send asks for a mail and waits for the answer. It is an error if there is none, or one that is no success.
func (m *Mail) Send(ctx context.Context, userID, template string) error {
	body, err := json.Marshal(map[string]string{"user_id": userID, "template": template})
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
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("the mail server answered %s", answer.Status)
	}
	return nil
}
