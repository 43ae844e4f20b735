"""gRPC: HTTP/2 with prior knowledge."""
