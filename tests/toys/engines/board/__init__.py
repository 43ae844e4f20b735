"""A board for notes: PIN adds one, COUNT says how many there are, CLEAR takes them all off."""
