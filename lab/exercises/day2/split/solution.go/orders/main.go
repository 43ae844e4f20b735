// Orders, in a process of their own, with a database of their own. Who orders was a line of SQL in the shop; here it is a question
// to a neighbour.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	users := NewUsers(mustEnv("USERS_URL"), envMillis("HTTP_TIMEOUT_MS", 2000))
	routes := http.NewServeMux()
	(&Orders{db: db, users: users}).Routes(routes)
	// Ready is who can work, and most of the work needs no neighbour: users is not among what is checked.
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
