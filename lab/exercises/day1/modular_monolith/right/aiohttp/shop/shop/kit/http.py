"""Requests read, refusals answered."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from aiohttp import web


class Refusal(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code


def problem(status: int, code: str) -> web.Response:
    return web.json_response(
        {"title": code, "status": status, "code": code}, status=status, content_type="application/problem+json"
    )


@web.middleware
async def problems(request, handler):
    try:
        answer = await handler(request)
    except Refusal as refusal:
        answer = problem(refusal.status, refusal.code)
    except web.HTTPException as error:
        answer = problem(error.status, error.reason.lower().replace(" ", "_"))
    except Exception:
        logging.exception("a request failed")
        answer = problem(500, "internal_error")
    line = {"ts": now(), "level": "info", "service": "shop", "msg": f"{request.method} {request.path}"}
    sys.stdout.write(json.dumps({**line, "status": answer.status}) + "\n")
    sys.stdout.flush()
    return answer


async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def received(request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_json") from None
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_json")
    return body


def word(body, key) -> str:
    match body.get(key):
        case str(value) if 0 < len(value) <= 1000:
            return value
    raise Refusal(422, f"invalid_{key}")


def amount(body, key, least) -> int:
    match body.get(key):
        case bool():
            pass
        case int(value) if least <= value <= 1_000_000_000:
            return value
    raise Refusal(422, f"invalid_{key}")


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
