// The gateway: every request comes in here, and the routing table says who answers it.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	timeout := envMillis("HTTP_TIMEOUT_MS", 4000)
	shop := NewUpstream("shop", mustEnv("SHOP_URL"), timeout)
	table := &Routes{db: db}

	turn := func(w http.ResponseWriter, r *http.Request) error {
		var asked Turn
		if err := read(r, &asked); err != nil {
			return err
		}
		// TODO: which targets are there? And what has to be true before somebody else may answer?
		if err := table.Put(r.Context(), asked.Prefix, asked.Target); err != nil {
			return err
		}
		return reply(w, http.StatusOK, asked)
	}
	everything := func(w http.ResponseWriter, r *http.Request) error {
		call, err := callOf(r)
		if err != nil {
			return err
		}
		answer, err := shop.Send(call) // TODO: /users is answered by whom the table names.
		if err != nil {
			return problem(http.StatusServiceUnavailable, "shop_unavailable", "%v", err)
		}
		return answer.passOn(w)
	}

	routes := http.NewServeMux()
	routes.Handle("/admin/routes", methods{http.MethodPut: turn})
	routes.Handle("/", handler(everything))
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
