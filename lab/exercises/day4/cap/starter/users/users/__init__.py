"""Owns users and their money, and announces every change of them."""
