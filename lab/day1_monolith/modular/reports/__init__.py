"""Reports: what the numbers say. This is the module's face."""

from lab.day1_monolith.modular.reports.module import router

__all__ = ["router"]
