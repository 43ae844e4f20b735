"""Users, in a process of their own: over HTTP for everybody, over gRPC for neighbours."""
