"""Orders, and the wallets they are paid from. This is the module's face; the rest of it is its own."""

from lab.day1_monolith.modular.orders.module import Orders

__all__ = ["Orders"]
