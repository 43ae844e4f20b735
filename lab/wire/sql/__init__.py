"""SQL on a tap: bytes, since every database has a protocol of its own."""
