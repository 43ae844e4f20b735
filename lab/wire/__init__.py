"""Taps: one proxy a link, with a sans-IO session a protocol."""
