package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"time"
)

// A Record is what is known under a key.
type Record struct {
	Ref       string `json:"ref"`
	ProductID string `json:"product_id"`
	Amount    int64  `json:"amount"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
}

// A Line changes a record and tells of it, or notes that something was told. It is written whole or not at all.
type Line struct {
	Key    string  `json:",omitempty"`
	Record *Record `json:",omitempty"`
	Event  *Event  `json:",omitempty"`
	Sent   string  `json:",omitempty"`
}

// A Journal is a file of lines, and what they come to.
type Journal struct {
	turn    sync.Mutex
	file    *os.File
	records map[string]Record
	waiting []Event
}

func openJournal() (*Journal, error) {
	path := strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///") + ".journal"
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	journal, whole := &Journal{file: file, records: map[string]Record{}}, int64(0)
	for lines := bufio.NewReader(file); ; {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return journal, file.Truncate(whole) // the last line of a process that died over it
		}
		var line Line
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, err
		}
		journal.follow(line)
		whole += int64(len(text))
	}
}

// change has `decide` look at the records and write one line, or none. It is on disk when this returns.
func (j *Journal) change(decide func(records map[string]Record) *Line) error {
	j.turn.Lock()
	defer j.turn.Unlock()
	line := decide(j.records)
	if line == nil {
		return nil
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.follow(*line)
	return nil
}

func (j *Journal) get(key string) (Record, bool) {
	j.turn.Lock()
	defer j.turn.Unlock()
	record, there := j.records[key]
	return record, there
}

func (j *Journal) untold() []Event {
	j.turn.Lock()
	defer j.turn.Unlock()
	return append([]Event(nil), j.waiting...)
}

func (j *Journal) told(event Event) error {
	return j.change(func(map[string]Record) *Line { return &Line{Sent: event.ID} })
}

func (j *Journal) follow(line Line) {
	if line.Record != nil {
		j.records[line.Key] = *line.Record
	}
	if line.Event != nil {
		j.waiting = append(j.waiting, *line.Event)
	}
	if line.Sent != "" && len(j.waiting) > 0 && j.waiting[0].ID == line.Sent {
		j.waiting = j.waiting[1:]
	}
}

func happened(kind, correlation string, data map[string]any) *Event {
	return &Event{
		SpecVersion: "1.0", ID: newID(), Source: "/" + service, Type: kind,
		Time: time.Now().UTC().Format(time.RFC3339), CorrelationID: correlation, Data: data,
	}
}

func newID() string {
	random := make([]byte, 12)
	rand.Read(random)
	return hex.EncodeToString(random)
}
