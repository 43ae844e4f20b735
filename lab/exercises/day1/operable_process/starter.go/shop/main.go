// The shop of 1.1, which now tells the mail server of each order. It runs well on its author's machine.
package main

import (
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	db, err := openDatabase(os.Getenv("DATABASE_URL"), schema)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	// TODO: whose address is that? And HTTP_TIMEOUT_MS.
	mail := &Mail{URL: "http://127.0.0.1:8025", Client: &http.Client{Timeout: 5 * time.Second}}

	routes := http.NewServeMux()
	(&Users{db: db}).Routes(routes)
	(&Orders{db: db, mail: mail}).Routes(routes)
	routes.Handle("/readyz", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) error {
		// TODO: is it? And GET /healthz, which is another question.
		return reply(w, http.StatusOK, map[string]string{"status": "ready"})
	}})
	// TODO: for each request one log line with its X-Request-ID, which goes back in the answer, too.
	// TODO: what happens on SIGTERM to requests that are under way?
	log.Fatal(http.ListenAndServe(net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), routes))
}

// logLine is for people.
//
// TODO: one JSON object per line, on stdout.
func logLine(level, message string, more map[string]any) { log.Println(level, message, more) }
