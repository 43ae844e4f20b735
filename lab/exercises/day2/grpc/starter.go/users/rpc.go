package main

import (
	"net"
	"os"
	"time"

	"google.golang.org/grpc"

	"users/contract"
)

// grace is what calls under way get to finish.
const grace = 3 * time.Second

// serveRPC tells of the same users over gRPC, on GRPC_PORT, until stop is called.
func serveRPC(users *Users) (stop func()) {
	host := os.Getenv("HOST")
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, mustEnv("GRPC_PORT")))
	orExit(err)
	server := grpc.NewServer()
	contract.RegisterUserServiceServer(server, &rpc{users: users})
	// TODO: grpc.health.v1.Health; it comes with gRPC, as google.golang.org/grpc/health.
	go server.Serve(listener)
	return func() {
		late := time.AfterFunc(grace, server.Stop)
		defer late.Stop()
		server.GracefulStop()
	}
}

// rpc is the UserService of contract/users.proto.
// TODO: GetUser and BatchGetUsers. A method that is not written answers UNIMPLEMENTED.
type rpc struct {
	contract.UnimplementedUserServiceServer
	users *Users
}
