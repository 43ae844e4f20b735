// The shop of 1.1, with a bus inside. Only main knows both: who publishes, and who listens.
package main

import (
	"net/http"
	"time"
)

const (
	mails    = 4               // as many are on their way at the same time
	patience = 3 * time.Second // for which a stop waits for the subscribers
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	mail := &Mail{URL: mustEnv("NOTIFY_URL"), Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 5000)}}
	notifications, stats := &Notifications{db: db, mail: mail}, &Stats{}

	bus := &Bus{}
	bus.Subscribe(notifications.Welcome, mails)
	bus.Subscribe(stats.Count, 1)

	routes := http.NewServeMux()
	(&Users{db: db, bus: bus}).Routes(routes)
	(&Orders{db: db}).Routes(routes)
	notifications.Routes(routes)
	stats.Routes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
	bus.Close(patience)
}
