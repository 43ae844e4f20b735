"""How much is done before others are served: work is counted in steps of a few microseconds each."""

from __future__ import annotations

TURN = 1000
"""Steps of work between two looks at who else waits: a message put into a queue or taken out of it, a frame of a
client."""
SLOW = 20
"""What else counts for as many steps, because it takes longer: a change of what is declared, a dead letter."""
FEW = 100
"""As many of a kind are done at once, within the turn of the client that asked for them."""
