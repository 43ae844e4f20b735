"""Orders, and the wallets they are paid from."""
