"""The new home of orders: asks who orders, keeps a copy beside the monolith's record, and has payments and mails done
by events."""
