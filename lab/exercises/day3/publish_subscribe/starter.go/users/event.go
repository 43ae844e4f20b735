package main

import (
	"encoding/json"
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

// TODO: make the event that says that somebody has registered. Its id is new, and never changes afterwards.
