"""The gateway: every request comes in here, and the routing table says who answers it."""
