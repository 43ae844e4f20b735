// Orders takes orders from users it has heard of. Who is one, this service knows by itself.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	book := &Orders{db: db}
	consumer := &Consumer{
		URL:      mustEnv("AMQP_URL"),
		Name:     service,
		Queue:    "orders.user-registered",
		Types:    []string{userRegistered},
		Prefetch: envInt("PREFETCH", 10),
		Handle:   book.Remember,
	}
	defer inBackground(consumer.Run)()

	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked OrderRequest
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		order, err := book.Place(r.Context(), asked)
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}})
	// Without the broker we still take orders from everybody we know: degraded, not unready.
	serve(routes,
		Check{Name: "database", Test: db.PingContext},
		Check{Name: "broker", Test: consumer.Check, Optional: true},
	)
}
