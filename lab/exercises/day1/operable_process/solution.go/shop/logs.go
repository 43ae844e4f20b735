package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Log lines: one JSON object each, on stdout. Where they are kept, and for how long, is not the service's business.

var (
	service = "shop"
	logLock sync.Mutex
	logOut  = json.NewEncoder(os.Stdout)
)

func logLine(level, message string, more map[string]any) {
	line := map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": service, "msg": message,
	}
	for name, value := range more {
		line[name] = value
	}
	logLock.Lock()
	defer logLock.Unlock()
	logOut.Encode(line)
}
