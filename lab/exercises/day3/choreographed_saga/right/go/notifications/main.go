// Notifications with Go's own library: no memory but the key that the mail server knows.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

var client = &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)}

func mail(event Event) error {
	template := "order_confirmed"
	if event.Type == "order.cancelled" {
		template = "order_cancelled"
	}
	text, _ := json.Marshal(map[string]string{"order_id": event.order(), "template": template})
	request, err := http.NewRequest(http.MethodPost, mustEnv("NOTIFY_URL")+"/notify", bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", event.order())
	request.Header.Set("X-Request-ID", event.CorrelationID)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case 202:
		return nil
	case 422:
		return errNever
	}
	return fmt.Errorf("the mail server answered %d", answer.StatusCode)
}

func main() {
	go consume("notifications.order-outcome", []string{"order.confirmed", "order.cancelled"}, mail)
	serve(http.NewServeMux())
}
