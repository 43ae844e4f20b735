"""What users promises over gRPC: `users.proto`, and the code that is generated from it."""
