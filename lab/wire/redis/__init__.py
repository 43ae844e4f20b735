"""Redis' RESP on a tap."""
