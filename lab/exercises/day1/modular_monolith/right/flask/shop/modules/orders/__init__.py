"""What was bought."""

from .remote import asking
from .store import create_tables, has_orders
from .views import routes

__all__ = ["asking", "create_tables", "has_orders", "routes"]
