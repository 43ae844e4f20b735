"""Run the service: `python -m shop`, told everything by its environment."""

from __future__ import annotations

import os

import uvicorn

from shop import logs
from shop.app import create_app
from shop.settings import Settings

GRACE = 9
"""Seconds that requests under way get to finish after SIGTERM. After ten we are killed."""


def main() -> None:
    settings = Settings.of(os.environ)
    logs.configure(settings.service_name)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,  # its own lines are no JSON
        access_log=False,  # ours know more
        timeout_graceful_shutdown=GRACE,
    )


if __name__ == "__main__":
    main()
