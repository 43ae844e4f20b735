"""Pays orders, each once, out of wallets that are still in the monolith."""
