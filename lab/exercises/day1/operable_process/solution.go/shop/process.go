package main

import (
	"context"
	"errors"
	"net/http"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long requests under way get to finish after SIGTERM. After ten seconds we are killed.
const grace = 9 * time.Second

// serve answers until SIGTERM; then it accepts nothing new and finishes what is under way.
func serve(settings Settings, routes http.Handler) error {
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Addr: settings.Address, Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	logLine("info", "the shop is open", nil)
	select {
	case err := <-failed:
		return err
	case <-asked.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
