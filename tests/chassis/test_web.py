"""What every service answers, asked over its ASGI front."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client import REGISTRY, Counter

from lab.chassis.health import Health
from lab.chassis.ids import correlation_id, outgoing_headers
from lab.chassis.logs import JsonLines
from lab.chassis.problems import Problem
from lab.chassis.web import create_app

TRACE = "0af7651916cd43dd8448eb211c80319c"


def app(**checks: Any) -> FastAPI:
    made = create_app("test", Health(**checks))

    @made.get("/things/{number}")
    def thing(number: int) -> dict[str, Any]:
        if number == 404:
            raise Problem(404, "unknown_thing", "There is none.", number=number)
        if number == 503:
            raise Problem(503, "busy", "Later.", headers={"Retry-After": "1"})
        if number == 500:
            raise RuntimeError("secret")
        logging.getLogger("test").info("found", extra={"event": "found", "id": number})
        return {"correlation": correlation_id(), "out": outgoing_headers()}

    return made


def ask(made: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(made), base_url="http://test")


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with ask(app()) as client:
        yield client


@pytest.fixture
def lines() -> Iterator[Any]:
    """What the process logs meanwhile, as dicts."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines("orders"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


async def test_the_request_id_goes_through(client: AsyncClient) -> None:
    answer = await client.get("/things/1", headers={"X-Request-ID": "abc"})
    assert answer.headers["X-Request-ID"] == "abc"
    assert answer.json()["correlation"] == "abc"
    assert answer.json()["out"]["X-Request-ID"] == "abc"


async def test_an_invented_id_begins_with_gen(client: AsyncClient) -> None:
    ids = {(await client.get("/things/1")).headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
    assert all(ident.startswith("gen-") for ident in ids)


async def test_an_id_that_is_no_header_value_is_not_taken_over(client: AsyncClient) -> None:
    assert (await client.get("/things/1", headers={"X-Request-ID": "a b"})).headers["X-Request-ID"].startswith("gen-")
    assert (
        (await client.get("/things/1", headers={"X-Request-ID": "x" * 200})).headers["X-Request-ID"].startswith("gen-")
    )


async def test_a_traceparent_gives_the_id_and_goes_on_as_the_same_trace(client: AsyncClient) -> None:
    answer = (await client.get("/things/1", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})).json()
    assert answer["correlation"] == TRACE
    version, trace, parent, flags = answer["out"]["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent != "b7ad6b7169203331"


async def test_a_traceparent_of_zeros_is_none(client: AsyncClient) -> None:
    answer = (await client.get("/things/1", headers={"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"})).json()
    assert answer["correlation"].startswith("gen-")


async def test_errors_are_problems_with_a_code(client: AsyncClient) -> None:
    problem = await client.get("/things/404")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is none.",
        "code": "unknown_thing",
        "number": 404,
    }


async def test_a_problem_may_say_when_to_come_back(client: AsyncClient) -> None:
    response = await client.get("/things/503")
    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/things/x", 422, "invalid_request"), ("/nothing", 404, "not_found"), ("/things/500", 500, "internal_error")],
)
async def test_the_frameworks_errors_and_unforeseen_ones_are_problems_too(
    client: AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await client.get(path, headers={"X-Request-ID": "abc"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == "abc"
    assert "secret" not in answer.text


def broken() -> str | None:
    raise OSError("gone")


@pytest.mark.parametrize(
    ("required", "optional", "expected"),
    [
        (lambda: None, lambda: None, (200, "ready")),
        (lambda: None, lambda: "no connection", (200, "degraded")),
        (broken, lambda: None, (503, "unready")),
    ],
)
async def test_readyz_says_what_is_wrong(required: Any, optional: Any, expected: tuple[int, str]) -> None:
    async with ask(app(required={"database": required}, optional={"broker": optional})) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == expected
        reasons = {name: reason for name, reason in answer.json()["checks"].items() if reason != "ok"}
        assert bool(reasons) == (expected[1] != "ready")
        assert (await client.get("/healthz")).status_code == 200


async def test_metrics_count_by_route_not_by_path(client: AsyncClient) -> None:
    await client.get("/things/1")
    await client.get("/things/2")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/things/{number}",status="200"}' in text
    assert "/things/1" not in text


async def test_a_log_line_is_json_with_the_id_and_the_extra_fields(client: AsyncClient, lines: Any) -> None:
    await client.get("/things/7", headers={"X-Request-ID": "abc"})
    found, request = (line for line in lines() if line.get("event") in ("found", "http"))
    assert (found["service"], found["level"], found["msg"]) == ("orders", "info", "found")
    assert (found["correlation_id"], found["event"], found["id"]) == ("abc", "found", 7)
    assert (request["msg"], request["request_id"], request["status"]) == ("GET /things/7 200", "abc", 200)


async def test_being_asked_for_health_is_not_worth_a_line(client: AsyncClient, lines: Any) -> None:
    await client.get("/readyz")
    assert [line for line in lines() if line.get("event") == "http"] == []


async def test_an_unforeseen_error_is_in_the_log_with_its_traceback(client: AsyncClient, lines: Any) -> None:
    await client.get("/things/500", headers={"X-Request-ID": "abc"})
    error = next(line for line in lines() if line["level"] == "error")
    assert "RuntimeError: secret" in error["traceback"]
    assert error["correlation_id"] == "abc"


async def test_a_service_may_have_metrics_of_the_names_that_the_chassis_has_and_both_kinds_are_shown() -> None:
    own = Counter("http_requests_total", "Requests, as a service counts them that has nothing of the chassis")
    other = Counter("lunches_total", "Lunches")
    try:
        other.inc()
        async with AsyncClient(transport=ASGITransport(app()), base_url="http://test") as client:
            await client.get("/things/1")
            text = (await client.get("/metrics")).text
    finally:
        REGISTRY.unregister(own)
        REGISTRY.unregister(other)
    assert 'http_requests_total{method="GET",route="/things/{number}",status="200"}' in text
    assert "lunches_total 1.0" in text
