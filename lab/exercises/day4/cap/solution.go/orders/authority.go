package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrPartitioned says that users said neither yes nor no: the client may ask again, under its key.
var ErrPartitioned = errors.New("users cannot be reached")

type WithdrawalRequest struct {
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

func (w WithdrawalRequest) check(key string) error {
	if key == "" {
		return problem(http.StatusBadRequest, "idempotency_key_missing", "A withdrawal needs an Idempotency-Key.")
	}
	if w.UserID == "" || len(w.UserID) > 64 {
		return invalid("user_id has between 1 and 64 bytes.")
	}
	if w.Amount <= 0 {
		return invalid("amount is more than 0.")
	}
	return nil
}

// Withdrawal is one as users tells of it.
type Withdrawal struct {
	ID      string `json:"id"`
	UserID  string `json:"user_id"`
	Amount  int64  `json:"amount"`
	Balance int64  `json:"balance"`
}

// Authority is who decides about money: users, asked over HTTP. Its yes and its no are passed on.
type Authority struct {
	url    string
	client http.Client
}

func NewAuthority(address string, timeout time.Duration) *Authority {
	return &Authority{url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout}}
}

// Withdraw returns the withdrawal, a Problem if users refuses it, or ErrPartitioned.
//
// What we give up on is still on its way, and arrives when the network heals. So it says until when we wait: after that the
// client has been told that it failed, and it must not be done any more.
func (a *Authority) Withdraw(
	ctx context.Context, asked WithdrawalRequest, key, requestID string,
) (done Withdrawal, err error) {
	body, err := json.Marshal(map[string]int64{"amount": asked.Amount})
	if err != nil {
		return done, err
	}
	address := a.url + "/users/" + url.PathEscape(asked.UserID) + "/withdraw"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return done, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", requestID)
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("X-Deadline", time.Now().Add(a.client.Timeout).UTC().Format(time.RFC3339Nano))
	answer, err := a.client.Do(request)
	if err != nil {
		return done, ErrPartitioned
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusCreated {
		if json.NewDecoder(answer.Body).Decode(&done) != nil {
			return done, ErrPartitioned // half an answer is none
		}
		return done, nil
	}
	var said Problem
	if json.NewDecoder(answer.Body).Decode(&said) != nil || answer.StatusCode >= 500 || said.Code == "too_late" {
		return done, ErrPartitioned
	}
	return done, problem(answer.StatusCode, said.Code, "%s", said.Detail)
}
