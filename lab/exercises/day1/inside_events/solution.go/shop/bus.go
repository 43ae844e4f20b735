package main

import (
	"fmt"
	"sync"
	"time"
)

// UserRegistered has happened. Its name is in the past tense: nobody who hears of it can refuse it any more.
type UserRegistered struct{ UserID string }

// room is how many events wait for a subscriber before publishers wait, too.
const room = 10_000

// A Bus is inside the process: who publishes an event does not know who listens, nor how many, nor how they fare. It parts
// the code, not the time: an event lives in this process's memory, and dies with it.
type Bus struct {
	inboxes []chan UserRegistered
	working sync.WaitGroup
}

// Subscribe has handle called with each event, by goroutines of its own: whoever is slow or fails keeps nobody else from
// theirs. All subscribe before the first event.
func (b *Bus) Subscribe(handle func(UserRegistered) error, workers int) {
	inbox := make(chan UserRegistered, room)
	b.inboxes = append(b.inboxes, inbox)
	b.working.Add(workers)
	for i := 0; i < workers; i++ {
		go func() {
			defer b.working.Done()
			for event := range inbox {
				if err := attempt(handle, event); err != nil {
					logLine("error", "a subscriber failed: "+err.Error(), map[string]any{"user_id": event.UserID})
				}
			}
		}()
	}
}

// attempt: a subscriber that panics has failed with this event; the next one deserves another try.
func attempt(handle func(UserRegistered) error, event UserRegistered) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	return handle(event)
}

// Publish tells all who listen, and waits for none.
func (b *Bus) Publish(event UserRegistered) {
	for _, inbox := range b.inboxes {
		inbox <- event
	}
}

// Close lets the subscribers work off what they have heard, at most for so long. Nobody publishes any more.
func (b *Bus) Close(patience time.Duration) {
	for _, inbox := range b.inboxes {
		close(inbox)
	}
	done := make(chan struct{})
	go func() {
		b.working.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}
