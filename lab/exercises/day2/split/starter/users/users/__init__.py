"""Users, in a process of their own, with a database of their own: who is registered."""
