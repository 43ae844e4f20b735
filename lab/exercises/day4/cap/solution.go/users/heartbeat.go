package main

import (
	"context"
	"database/sql"
	"time"
)

// Heartbeat is a sign of life, so that silence means something: until its as_of, everything has been told.
//
// It goes through the outbox like what really happened, and as_of is taken while nobody else can write. So whoever hears
// it has heard all changes before it; sent past the outbox, it could overtake one of them.
type Heartbeat struct {
	db     *sql.DB
	outbox *Outbox
	relay  *Relay
	every  time.Duration
}

// Run announces until ctx is done.
func (h *Heartbeat) Run(ctx context.Context) {
	for pause(ctx, h.every); ctx.Err() == nil; pause(ctx, h.every) {
		if h.relay.Check(ctx) != nil {
			continue // nobody would hear it, and an outage would fill the outbox with them
		}
		err := inTransaction(ctx, h.db, func(tx *sql.Tx) error {
			event, err := happened("/users", "user.heartbeat", "", map[string]any{"as_of": time.Now().UTC()})
			if err != nil {
				return err
			}
			return h.outbox.Add(tx, event)
		})
		if err != nil && ctx.Err() == nil {
			logLine("warn", "a heartbeat is missed: "+err.Error(), nil)
		}
	}
}
