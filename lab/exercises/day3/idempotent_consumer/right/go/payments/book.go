package main

import (
	"bufio"
	"encoding/json"
	"os"
	"syscall"
)

type Payment struct {
	OrderID  string  `json:"order_id"`
	Amount   int64   `json:"amount"`
	Status   string  `json:"status"`
	ChargeID *string `json:"charge_id"`
}

// A Book is a file of payments that all instances append to, one at a time; each knows what it has read so far.
type Book struct {
	file     *os.File
	read     int64
	payments map[string]Payment
}

func OpenBook(path string) (*Book, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return &Book{file: file, payments: map[string]Payment{}}, err
}

// Payment is that of the order, whichever instance wrote it. Callers take turns.
func (b *Book) Payment(order string) (Payment, bool, error) {
	err := b.locked(func() error { return nil })
	found, there := b.payments[order]
	return found, there, err
}

// Write keeps the payment unless the order has one already; it is on disk when this returns.
func (b *Book) Write(payment Payment) error {
	return b.locked(func() error {
		if _, there := b.payments[payment.OrderID]; there {
			return nil
		}
		line, err := json.Marshal(payment)
		if err != nil {
			return err
		}
		// What stands behind the last whole line was written by somebody who died over it.
		if err := b.file.Truncate(b.read); err != nil {
			return err
		}
		if _, err := b.file.WriteAt(append(line, '\n'), b.read); err != nil {
			return err
		}
		if err := b.file.Sync(); err != nil {
			return err
		}
		return b.catchUp()
	})
}

func (b *Book) locked(work func() error) error {
	if err := syscall.Flock(int(b.file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	defer syscall.Flock(int(b.file.Fd()), syscall.LOCK_UN)
	if err := b.catchUp(); err != nil {
		return err
	}
	return work()
}

func (b *Book) catchUp() error {
	if _, err := b.file.Seek(b.read, 0); err != nil {
		return err
	}
	for lines := bufio.NewReader(b.file); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var payment Payment
		if err := json.Unmarshal(line, &payment); err != nil {
			return err
		}
		b.payments[payment.OrderID] = payment
		b.read += int64(len(line))
	}
}
