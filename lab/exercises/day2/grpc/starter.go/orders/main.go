// Orders, in a process of their own; whose they are, the users service knows, which is asked over gRPC.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	users, err := NewUsers(mustEnv("USERS_GRPC"), envMillis("GRPC_TIMEOUT_MS", 1000))
	orExit(err)
	defer users.Close()
	routes := http.NewServeMux()
	(&Orders{db: db, users: users}).Routes(routes)
	// Ready is who can work, and most of the work needs no neighbour: users is not among what is checked.
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
