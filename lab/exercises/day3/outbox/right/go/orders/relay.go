package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"syscall"
	"time"
)

// relay carries events to the broker for ever. The lock makes it the only one; it goes with its process.
func relay(ledger *Ledger, lock *os.File) {
	syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	for ; ; time.Sleep(300 * time.Millisecond) {
		broker, err := Dial(os.Getenv("AMQP_URL"))
		if err != nil {
			log.Print(err)
			continue
		}
		err = broker.DeclareExchange("shop.events")
		if err == nil {
			err = broker.WantConfirms()
		}
		for published := uint64(0); err == nil; {
			published, err = carry(ledger, broker, published)
		}
		log.Print(err)
		broker.Close()
	}
}

// carry publishes what waits, one event after the other, each confirmed before the next.
func carry(ledger *Ledger, broker *Client, published uint64) (uint64, error) {
	var waiting []Event
	ledger.Turn(func() error {
		waiting = append(waiting, ledger.Waiting...)
		return nil
	})
	for _, event := range waiting {
		body, err := json.Marshal(event)
		if err != nil {
			return published, err
		}
		if err := broker.Publish("shop.events", event.Type, event.ID, event.CorrelationID, body); err != nil {
			return published, err
		}
		published++
		if err := confirmed(broker, published); err != nil {
			return published, err
		}
		if err := ledger.Turn(func() error { return ledger.Write(Entry{Sent: event.ID}) }); err != nil {
			return published, err
		}
	}
	if len(waiting) == 0 {
		select {
		case <-broker.Closed:
			return published, errors.New("the connection is gone")
		case <-time.After(150 * time.Millisecond):
		}
	}
	return published, nil
}

func confirmed(broker *Client, tag uint64) error {
	late := time.After(3 * time.Second)
	for {
		select {
		case answer := <-broker.Confirms:
			if !answer.Ack {
				return errors.New("the broker refuses")
			}
			if answer.Tag == tag || (answer.Multiple && answer.Tag > tag) {
				return nil
			}
		case <-broker.Closed:
			return errors.New("the connection is gone")
		case <-late:
			return errors.New("the broker does not confirm")
		}
	}
}
