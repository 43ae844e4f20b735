"""System, Service, Engine, Link: the declared topology as plain validated data."""

from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

__all__ = ["CLIENT", "Engine", "Journey", "Link", "Request", "Service", "System"]
