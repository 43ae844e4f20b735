package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Settings are what differs from one machine to the next. They are read once, at the start, where what is missing is
// noticed.
type Settings struct {
	Service, Address       string
	DatabaseURL, NotifyURL string
	HTTPTimeout            time.Duration
}

func settingsFrom(env func(string) string) (Settings, error) {
	or := func(name, fallback string) string {
		if value := env(name); value != "" {
			return value
		}
		return fallback
	}
	for _, name := range []string{"PORT", "DATABASE_URL", "NOTIFY_URL"} {
		if env(name) == "" {
			return Settings{}, fmt.Errorf("%s is not set", name)
		}
	}
	millis, err := strconv.Atoi(or("HTTP_TIMEOUT_MS", "5000"))
	if err != nil {
		return Settings{}, fmt.Errorf("HTTP_TIMEOUT_MS is no whole number: %w", err)
	}
	return Settings{
		Service:     or("SERVICE_NAME", "shop"),
		Address:     net.JoinHostPort(or("HOST", "127.0.0.1"), env("PORT")),
		DatabaseURL: env("DATABASE_URL"),
		NotifyURL:   strings.TrimRight(env("NOTIFY_URL"), "/"),
		HTTPTimeout: time.Duration(millis) * time.Millisecond,
	}, nil
}
