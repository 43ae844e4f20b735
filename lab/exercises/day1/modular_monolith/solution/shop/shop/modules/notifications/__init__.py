"""Notifications: who is to be told what."""
