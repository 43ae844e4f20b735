package main

import (
	"bufio"
	"encoding/json"
	"os"
	"syscall"
)

type Order struct {
	ID     string `json:"id"`
	Ref    string `json:"ref"`
	Amount int64  `json:"amount"`
	Status string `json:"status"`
}

type Event struct {
	SpecVersion   string         `json:"specversion"`
	ID            string         `json:"id"`
	Source        string         `json:"source"`
	Type          string         `json:"type"`
	Time          string         `json:"time"`
	CorrelationID string         `json:"correlationid"`
	Data          map[string]any `json:"data"`
}

// An Entry is a line of the ledger: an order as it is from now on together with the event that says so, or the id of an
// event that the broker has confirmed. A line is there as a whole or not at all.
type Entry struct {
	Order *Order `json:"order,omitempty"`
	Event *Event `json:"event,omitempty"`
	Sent  string `json:"sent,omitempty"`
}

// The Ledger is a file that the instances share. Use it inside of Turn.
type Ledger struct {
	Orders  map[string]Order
	Refs    map[string]bool
	Waiting []Event // for the broker, the oldest first
	file    *os.File
	read    int64
	turn    chan struct{}
}

func OpenLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	turn := make(chan struct{}, 1)
	return &Ledger{Orders: map[string]Order{}, Refs: map[string]bool{}, file: file, turn: turn}, err
}

// Turn runs work while no other goroutine and no other process uses the ledger, with everything that they have written.
func (l *Ledger) Turn(work func() error) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	defer syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	if err := l.catchUp(); err != nil {
		return err
	}
	return work()
}

// Write puts the entry on disk. What stands behind the last whole line goes: its writer died before it was answered.
func (l *Ledger) Write(entry Entry) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(l.read); err != nil {
		return err
	}
	if _, err := l.file.WriteAt(append(line, '\n'), l.read); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	return l.catchUp()
}

func (l *Ledger) catchUp() error {
	if _, err := l.file.Seek(l.read, 0); err != nil {
		return err
	}
	for lines := bufio.NewReader(l.file); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return err
		}
		l.read += int64(len(line))
		if entry.Order != nil {
			l.Orders[entry.Order.ID] = *entry.Order
			l.Refs[entry.Order.Ref] = true
		}
		if entry.Event != nil {
			l.Waiting = append(l.Waiting, *entry.Event)
		}
		for at, event := range l.Waiting {
			if event.ID == entry.Sent {
				l.Waiting = append(l.Waiting[:at:at], l.Waiting[at+1:]...)
				break
			}
		}
	}
}
