package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// NoReport is an error that says why there is none. Final: asking again would not help.
type NoReport struct {
	Why   string
	Final bool
}

func (n *NoReport) Error() string { return n.Why }

// ReportClient asks the report service, which may be slow, gone, or lose its answer.
type ReportClient struct {
	url    string
	client http.Client
}

// Make returns the report, as it came, or a NoReport. Under one key there is only one, however often it is asked for.
func (c *ReportClient) Make(ctx context.Context, userID, key string) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]string{"user_id": userID})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/reports", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.GetBody = nil // the transport repeats by itself what has a key, and how often we ask is ours to say
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, &NoReport{Why: err.Error()}
	}
	defer answer.Body.Close()
	report, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, &NoReport{Why: err.Error()}
	}
	if status := answer.StatusCode; status < 200 || status > 299 {
		inVain := status >= 400 && status < 500 && status != http.StatusTooManyRequests
		return nil, &NoReport{Why: fmt.Sprintf("the report service answered %d", status), Final: inVain}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(report, &object); err != nil || object == nil {
		return nil, &NoReport{Why: "the report service answered something that is no report"}
	}
	return report, nil
}
