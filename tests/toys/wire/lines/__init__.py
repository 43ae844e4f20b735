"""One line asks, one line answers."""
