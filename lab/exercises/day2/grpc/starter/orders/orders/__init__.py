"""Orders, in a process of their own; whose they are, the users service knows, which is asked over gRPC."""
