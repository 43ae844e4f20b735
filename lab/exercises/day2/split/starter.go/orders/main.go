// Orders, in a process of their own, with a database of their own. Who orders was a line of SQL in the shop; here it is nobody's
// business yet.
package main

import "net/http"

func main() {
	// Knobs that wait for you: USERS_URL, HTTP_TIMEOUT_MS.
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	routes := http.NewServeMux()
	(&Orders{db: db}).Routes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
