package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Upstream asks one service behind us, once, with a limit on the wait for the whole answer, its last byte included.
type Upstream struct {
	Name    string
	url     string
	timeout time.Duration
	client  http.Client
}

func NewUpstream(name, address string, timeout time.Duration) *Upstream {
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.MaxIdleConnsPerHost = 20
	return &Upstream{Name: name, url: strings.TrimRight(address, "/"), timeout: timeout, client: http.Client{Transport: kept}}
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Ask returns an answer below 500; an error says why there is none.
func (u *Upstream) Ask(requestID, method, path string, body any) (*Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), u.timeout)
	defer cancel()
	var content io.Reader = io.MultiReader() // cannot be read twice, so the transport asks once
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, u.url+path, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Request-ID", requestID)
	request.Header.Set("Content-Type", "application/json")
	response, err := u.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 500 {
		return nil, fmt.Errorf("%s answered %s", u.Name, response.Status)
	}
	return &Answer{response.StatusCode, response.Header, text}, nil
}
