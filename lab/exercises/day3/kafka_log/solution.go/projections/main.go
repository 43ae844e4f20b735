// Projections shows what became of each order, and tells customers when it is on its way.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	histories := &Histories{db}
	projecting := &Projecting{
		Histories: histories,
		Mailer: &Mailer{
			URL:    strings.TrimRight(mustEnv("NOTIFY_URL"), "/"),
			Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
		},
	}
	brokers := strings.Split(mustEnv("KAFKA_BOOTSTRAP"), ",")
	producer := NewProducer(brokers)
	defer producer.Close()
	consumer := &Consumer{
		Brokers:        brokers,
		Group:          mustEnv("GROUP_ID"),
		SessionTimeout: envMillis("SESSION_TIMEOUT_MS", 6000),
		Handle:         projecting.Handle,
		Park:           DeadLetters{producer}.Park,
	}
	defer inBackground(consumer.Run)()

	show := func(w http.ResponseWriter, r *http.Request) error {
		projection, err := histories.Of(r.Context(), strings.TrimPrefix(r.URL.Path, "/projections/orders/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, projection)
	}
	routes := http.NewServeMux()
	routes.Handle("/projections/orders/", methods{http.MethodGet: show})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
