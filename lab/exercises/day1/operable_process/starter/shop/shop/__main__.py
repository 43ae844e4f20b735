"""Run the service: `python -m shop`."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from shop.app import create_app

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)  # TODO: one JSON object per line
    app = create_app(os.environ["DATABASE_URL"], mail_url="http://127.0.0.1:8025")  # TODO: whose address is that?
    uvicorn.run(app, host=os.environ["HOST"], port=int(os.environ["PORT"]))  # TODO: what may a stop wait for?
