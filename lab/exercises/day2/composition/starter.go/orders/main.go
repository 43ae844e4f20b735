// Orders, in a process of their own; whose they are, the users service knows.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db, users: NewUsers(mustEnv("USERS_URL"), envMillis("HTTP_TIMEOUT_MS", 500))}
	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: orders.place, http.MethodGet: orders.list})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
