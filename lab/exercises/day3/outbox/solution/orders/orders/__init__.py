"""Takes orders and announces them: both or neither."""
