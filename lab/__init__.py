"""A learning lab for architecture and system design, on running systems."""

__version__ = "0.1.0"
