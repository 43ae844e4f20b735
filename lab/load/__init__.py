"""The traffic generator: open-loop and seeded.

Open-loop means that visitors come when they come, whether or not the earlier ones have been served, and that latency is
measured from when a request was due. A generator that waits for each answer slows down together with the system, and
reports how fast the few requests were that it still sent.
"""
