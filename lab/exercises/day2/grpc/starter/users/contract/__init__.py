"""What users promises over gRPC (`users.proto`), gRPC's health check, and the code that is generated from both."""
