"""Orders, in a process of their own, with a database of their own: of users they keep nothing but the id."""
