"""Errors as `application/problem+json` (RFC 9457) with a stable `code` that a client may switch on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lab.chassis.ids import correlation_id


class Problem(Exception):
    """Raise it in a handler to answer with this status. `code` is for programs, `detail` for people; `members` are
    extra fields of the answer, `headers` (`Retry-After`) go beside it."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = members


def answer(status: int, code: str, detail: str, **members: Any) -> JSONResponse:
    """The problem as a response."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    return JSONResponse(body | members, status, media_type="application/problem+json")


def unforeseen() -> JSONResponse:
    """The answer where a handler failed in a way that nobody thought of. What went wrong is for the log only."""
    return answer(500, "internal_error", "Something went wrong here; the log knows more.", request_id=correlation_id())


def install(app: FastAPI) -> None:
    """Make the errors that a handler of `app` raises on purpose problems: our own and the framework's."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    response = answer(error.status, error.code, error.detail, **error.members)
    response.headers.update(error.headers)
    return response


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
    return answer(422, "invalid_request", "The request is not valid.", errors=jsonable_encoder(errors))


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    response = answer(error.status_code, HTTPStatus(error.status_code).name.lower(), str(error.detail))
    response.headers.update(error.headers or {})
    return response
