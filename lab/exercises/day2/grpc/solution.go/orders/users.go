package main

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/contract"
)

// reconnect is quicker than the library, whose back-off grows to two minutes: users is back after seconds.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: time.Second,
}

// Users is the users service as its neighbour sees it: questions over gRPC that are answered, or not, within a time of
// ours. All calls share one connection, which is made anew by itself.
type Users struct {
	client     contract.UserServiceClient
	connection *grpc.ClientConn
	timeout    time.Duration
}

// NewUsers has an address (host:port), and for each call a time limit. It does not wait for anybody to be there.
func NewUsers(address string, timeout time.Duration) (*Users, error) {
	connection, err := grpc.Dial(address, grpc.WithInsecure(), grpc.WithConnectParams(reconnect))
	if err != nil {
		return nil, err
	}
	return &Users{contract.NewUserServiceClient(connection), connection, timeout}, nil
}

// Know says whether there is such a user; any other error than a Problem means that nobody knows. Two statuses say
// something about the user. From all others, which say that we do not know, no conclusions are drawn.
func (u *Users) Know(ctx context.Context, id string) (bool, error) {
	// The earlier of two deadlines counts: ours, or that of the client, which is in ctx. gRPC's own is never.
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	_, err := u.client.GetUser(ctx, &contract.GetUserRequest{Id: id})
	switch status.Code(err) {
	case codes.OK:
		return true, nil
	case codes.NotFound:
		return false, nil
	case codes.InvalidArgument:
		return false, problem(http.StatusBadRequest, "invalid_user", "users cannot read the id %q.", id)
	}
	return false, err
}

// Named returns those of the users that there are, by id, all of them in one call; its error means that nobody knows.
func (u *Users) Named(ctx context.Context, ids []string) (map[string]Named, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	answer, err := u.client.BatchGetUsers(ctx, &contract.BatchGetUsersRequest{Ids: ids})
	if err != nil {
		return nil, err
	}
	found := map[string]Named{}
	for _, user := range answer.GetUsers() {
		found[user.GetId()] = Named{user.GetId(), user.GetName()}
	}
	return found, nil
}

func (u *Users) Close() { u.connection.Close() }
