// The shop, put together: its routes, and what makes a process of it that somebody else can run.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	settings, err := settingsFrom(os.Getenv)
	orExit(err)
	service = settings.Service
	db, err := openDatabase(settings.DatabaseURL, schema)
	orExit(err)
	defer db.Close()
	mail := &Mail{URL: settings.NotifyURL, Client: &http.Client{Timeout: settings.HTTPTimeout}}

	routes := http.NewServeMux()
	(&Users{db: db}).Routes(routes)
	(&Orders{db: db, mail: mail}).Routes(routes)
	routes.Handle("/healthz", methods{http.MethodGet: alive})
	routes.Handle("/readyz", methods{http.MethodGet: readiness(settings.DatabaseURL)})
	orExit(serve(settings, exchange(routes)))
	logLine("info", "the shop is closed", nil)
}

// orExit ends a process that cannot do what it is for.
func orExit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}
