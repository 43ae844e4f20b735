package main

import (
	"context"
	"time"

	"orders/contract"
)

// Users is the users service as its neighbour sees it: questions over gRPC. So far nobody is asked.
type Users struct {
	client  contract.UserServiceClient
	timeout time.Duration
}

// NewUsers has an address (host:port), and for each call a time limit.
func NewUsers(address string, timeout time.Duration) (*Users, error) {
	// TODO: grpc.Dial, and contract.NewUserServiceClient on the connection.
	return &Users{timeout: timeout}, nil
}

// Know says whether there is such a user; its error means that nobody knows.
func (u *Users) Know(ctx context.Context, id string) (bool, error) {
	// TODO: GetUser. What do its statuses mean to whoever orders, and how long may it take?
	return true, nil
}

// Named returns those of the users that there are, by id; its error means that nobody knows.
func (u *Users) Named(ctx context.Context, ids []string) (map[string]Named, error) {
	// TODO: BatchGetUsers.
	return nil, nil
}

func (u *Users) Close() {}
