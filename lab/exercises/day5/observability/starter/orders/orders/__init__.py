"""Orders: keeps them, and asks users whether their customers exist."""
