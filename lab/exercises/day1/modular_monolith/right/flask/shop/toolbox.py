"""What every module needs and none owns: a connection, refusals, pages, reading of fields."""

import json
import os
import sqlite3
import uuid
from datetime import UTC, datetime

from flask import g, jsonify, request


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


def connect():
    opened = sqlite3.connect(os.environ["DATABASE_URL"][len("sqlite:///") :], timeout=10, isolation_level=None)
    opened.row_factory = lambda cursor, row: dict(zip([column[0] for column in cursor.description], row, strict=True))
    return opened


def sql(statement, *values):
    if "connection" not in g:
        g.connection = connect()
    return g.connection.execute(statement, values)


def close(_error):
    if "connection" in g:
        g.pop("connection").close()


def problem(status, code):
    answer = jsonify(title=code, status=status, code=code)
    answer.status_code, answer.content_type = status, "application/problem+json"
    return answer


def log(message, **more):
    print(json.dumps({"ts": now(), "level": "info", "service": "shop", "msg": message, **more}), flush=True)


def now():
    return datetime.now(UTC).isoformat()


def new_id():
    return str(uuid.uuid4())


def sent():
    value = request.get_json(force=True, silent=True)
    if not isinstance(value, dict):
        raise Refused(400, "not_an_object")
    return value


def string(fields, name):
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > 500:
        raise Refused(422, f"{name}_is_no_string")
    return value


def integer(fields, name, least):
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least or value > 10**9:
        raise Refused(422, f"{name}_is_no_number")
    return value


def paging():
    """How many rows, and after which one."""
    try:
        size, after = int(request.args.get("limit", 20)), int(request.args.get("cursor", 0))
    except ValueError:
        raise Refused(400, "bad_page") from None
    if not 1 <= size <= 500 or not 0 <= after < 2**63:
        raise Refused(400, "bad_page")
    return size, after


def page(rows, size):
    """Of `rows` one more was asked for than is shown."""
    following = str(rows[size - 1]["place"]) if len(rows) > size else None
    return {"items": [without_place(row) for row in rows[:size]], "next_cursor": following}


def without_place(row):
    return {name: value for name, value in row.items() if name != "place"}
