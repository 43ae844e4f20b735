// The gateway: every request comes in here, and the routing table says who answers it.
package main

import (
	"context"
	"net/http"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	timeout := envMillis("HTTP_TIMEOUT_MS", 4000)
	shop := NewUpstream("shop", mustEnv("SHOP_URL"), timeout)
	users := NewUpstream("users", mustEnv("USERS_URL"), timeout)
	strangler, err := NewStrangler(context.Background(), &Routes{db: db}, shop, users)
	orExit(err)
	defer inBackground(strangler.KeepUp)()

	everythingElse := func(w http.ResponseWriter, r *http.Request) error {
		return passed(w, r, shop.Send, "shop_unavailable")
	}
	moved := func(w http.ResponseWriter, r *http.Request) error {
		return passed(w, r, strangler.Answer, "users_unavailable")
	}
	routes := http.NewServeMux()
	routes.Handle("/metrics", strangler.Mismatches)
	routes.Handle("/admin/routes", methods{http.MethodPut: turning(strangler)})
	routes.Handle(prefix, handler(moved))
	routes.Handle(prefix+"/", handler(moved))
	routes.Handle("/", handler(everythingElse))
	// Ready is who can pass something on, and each of the two can be away: neither is checked.
	serve(routes, Check{Name: "database", Test: db.PingContext})
}

// passed gives the customer's request to somebody, and the answer to the customer.
func passed(w http.ResponseWriter, r *http.Request, send func(Call) (Answer, error), code string) error {
	call, err := callOf(r)
	if err != nil {
		return err
	}
	answer, err := send(call)
	if err != nil {
		return problem(http.StatusServiceUnavailable, code, "%v", err)
	}
	return answer.passOn(w)
}

func turning(strangler *Strangler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var asked Turn
		if err := read(r, &asked); err != nil {
			return err
		}
		route, known := parseRoute(asked.Target)
		if !known || asked.Prefix != prefix {
			return problem(http.StatusUnprocessableEntity, "unknown_target", "A target is legacy, new, shadow or percent:NN, for %s.", prefix)
		}
		if err := strangler.Turn(route); err != nil {
			return problem(http.StatusServiceUnavailable, "not_copied", "Everything stays as it was: %v", err)
		}
		return reply(w, http.StatusOK, asked)
	}
}
