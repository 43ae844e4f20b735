package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Events as CloudEvents 1.0 in JSON: something that happened, told in the past tense.

const eventContentType = "application/cloudevents+json"

// Event is the envelope. ID names this event for ever: however often it is sent, it is the same event.
type Event struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	CorrelationID   string          `json:"correlationid"`
	Data            json.RawMessage `json:"data"`
}

// happened is a new event, under the id of the request that caused it.
func happened(source, kind, correlationID string, data any) (Event, error) {
	told, err := json.Marshal(data)
	return Event{
		SpecVersion:     "1.0",
		ID:              newID(),
		Source:          source,
		Type:            kind,
		Time:            time.Now().UTC(),
		DataContentType: "application/json",
		CorrelationID:   correlationID,
		Data:            told,
	}, err
}

// ErrUnreadable says that a message is no event, or none that we can use: trying again cannot help.
var ErrUnreadable = errors.New("unreadable")

// parseEvent takes what is needed and lets others add what they like. Time is zero where an event does not say it.
func parseEvent(body []byte) (Event, error) {
	var needed struct {
		ID            string          `json:"id"`
		Type          string          `json:"type"`
		Time          any             `json:"time"`
		CorrelationID string          `json:"correlationid"`
		Data          json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &needed); err != nil {
		return Event{}, fmt.Errorf("%w: %v", ErrUnreadable, err)
	}
	if needed.ID == "" || needed.Type == "" {
		return Event{}, fmt.Errorf("%w: no event without id and type", ErrUnreadable)
	}
	told, _ := needed.Time.(string)
	at, _ := time.Parse(time.RFC3339, told)
	return Event{ID: needed.ID, Type: needed.Type, Time: at, CorrelationID: needed.CorrelationID, Data: needed.Data}, nil
}
