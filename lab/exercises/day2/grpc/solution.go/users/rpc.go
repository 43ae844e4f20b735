package main

import (
	"context"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

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
	healthy := health.NewServer() // the empty name, which means the whole server, is SERVING from the start
	healthy.SetServingStatus("users.v1.UserService", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, healthy)
	go server.Serve(listener)
	return func() {
		late := time.AfterFunc(grace, server.Stop)
		defer late.Stop()
		server.GracefulStop()
	}
}

// rpc is the UserService of contract/users.proto. Whatever is wrong gets a status of its own: any other error would be
// UNKNOWN, which tells nobody anything.
type rpc struct {
	contract.UnimplementedUserServiceServer
	users *Users
}

func (s *rpc) GetUser(ctx context.Context, asked *contract.GetUserRequest) (*contract.User, error) {
	if asked.GetId() == "" {
		return nil, status.Error(codes.InvalidArgument, "id is missing")
	}
	found, err := s.find(ctx, asked.GetId())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, status.Errorf(codes.NotFound, "there is no user %s", asked.GetId())
	}
	return found[0], nil
}

func (s *rpc) BatchGetUsers(ctx context.Context, asked *contract.BatchGetUsersRequest) (*contract.BatchGetUsersResponse, error) {
	if len(asked.GetIds()) > mostIDs {
		return nil, status.Errorf(codes.InvalidArgument, "ask for %d users at most", mostIDs)
	}
	found, err := s.find(ctx, asked.GetIds()...)
	if err != nil {
		return nil, err
	}
	return &contract.BatchGetUsersResponse{Users: found}, nil
}

func (s *rpc) find(ctx context.Context, ids ...string) ([]*contract.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	asked := make([]any, len(ids))
	for i, id := range ids {
		asked[i] = id
	}
	rows, err := s.users.find(ctx, s.users.db, "WHERE id IN (?"+strings.Repeat(", ?", len(ids)-1)+")", asked...)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	found := make([]*contract.User, len(rows))
	for i, row := range rows {
		found[i] = &contract.User{Id: row.Item.ID, Email: row.Item.Email, Name: row.Item.Name}
	}
	return found, nil
}
