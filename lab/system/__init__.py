"""System, Service, Engine, Link: the declared topology as plain validated data."""

from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

__all__ = ["CLIENT", "Engine", "Entity", "Journey", "Link", "Request", "Service", "System"]
