"""Who there is."""

from .store import create_tables, exists
from .views import routes

__all__ = ["create_tables", "exists", "routes"]
