// The shop of 1.1, which now writes to everybody who registers. It does so itself, on the spot.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	mail := &Mail{URL: mustEnv("NOTIFY_URL"), Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 5000)}}

	routes := http.NewServeMux()
	// TODO: a bus, and two who listen to it: notifications (GET /notifications) and stats (GET /stats).
	(&Users{db: db, mail: mail}).Routes(routes)
	(&Orders{db: db}).Routes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
