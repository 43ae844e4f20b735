"""The learner's services as a client sees them: requests through the taps, and what came back, as data."""

from __future__ import annotations

import json as jsonlib
import random
import shlex
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

import httpx

from lab.locale import tr

T = TypeVar("T")
Outcome = Literal["ok", "failed", "unknown"]
"""ok: done. failed: refused, or certainly not done. unknown: it may have been done (a timeout, a reset)."""

PATIENCE = 10.0
"""Seconds that a client waits for an answer unless it says otherwise."""
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "curl/8.9.1",
    "okhttp/4.12.0",
    "Go-http-client/1.1",
    "axios/1.7.7",
)
"""Names of common clients."""
CROWD = 64
"""The most requests at the same time."""
LONGEST_COMMAND = 1_000
"""Characters of a request that is shown as a command."""
JSON = "content-type: application/json"
LARGEST = 16_000_000
"""The most bytes of an answer that are read. No exercise comes near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one request. If no answer came, `status` is None and `error` says why."""

    method: str
    url: str
    path: str
    request_id: str
    seconds: float
    status: int | None = None
    outcome: Outcome = "unknown"
    text: str = ""
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    sent: Any = None
    raw: bytes | str | None = None
    """What was sent as it is, in place of the JSON of `sent`."""
    said: Mapping[str, str] = field(default_factory=dict)
    """The headers that the check set."""
    began: float = 0.0
    """time.monotonic() when it was sent."""
    service: str = ""
    """Who was asked; of a service with replicas, which instance."""

    @property
    def code(self) -> str:
        """The stable `code` of a problem (RFC 9457), also where it stands in `error`; "" without one."""
        if not isinstance(self.json, dict):
            return ""
        inner = self.json.get("error")
        found = self.json.get("code") or (inner.get("code") if isinstance(inner, dict) else None)
        return found if isinstance(found, str) else ""

    @property
    def curl(self) -> str:
        """The request as a command to paste; "" for one that is too long for that, or no text."""
        words = ["curl", "-i"]
        if self.method != "GET":
            words += ["-X", self.method]
        words.append(self.url)
        for name, value in self.said.items():
            words += ["-H", f"{name}: {value}"]
        if self.raw is not None:
            try:
                raw = self.raw if isinstance(self.raw, str) else self.raw.decode()
            except UnicodeDecodeError:
                return ""
            if not raw.isprintable():
                return ""
            typed = any(name.lower() == "content-type" for name in self.said)
            words += [*([] if typed else ["-H", JSON]), "--data-raw", raw]
        elif self.sent is not None:
            words += ["-H", JSON, "-d", jsonlib.dumps(self.sent, ensure_ascii=False)]
        command = shlex.join(words)
        return command if len(command) <= LONGEST_COMMAND else ""

    def __str__(self) -> str:
        what = f"{self.status} {self.code}".strip() if self.status is not None else self.error
        return tr(
            "{method} {path} -> {what} in {seconds:.2f} s",
            method=self.method,
            path=self.path,
            what=what,
            seconds=self.seconds,
        )


class NoService(LookupError):
    """A check names a service that its exercise does not have; the message says which there are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"the exercise has no service {name!r}; it has {', '.join(known)}")


class Http:
    """A client of one service; `http["orders"]` is a client of another. Every request has a connection of its own, so
    that no earlier one can affect it.
    """

    def __init__(self, urls: Mapping[str, str], service: str, rng: random.Random) -> None:
        """Request ids and the name of the client are random, so that no service can tell a grading from other use."""
        self._urls = urls
        self._service = service
        self._rng = rng
        self._agent = rng.choice(AGENTS)
        self._client = httpx.Client(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
            verify=False,  # plain HTTP: reading the authorities' certificates would cost 30 ms a check
        )

    def __getitem__(self, service: str) -> Http:
        """Raises NoService."""
        if service not in self._urls:
            raise NoService(service, self._urls)
        other = object.__new__(Http)
        other._urls, other._service, other._rng = self._urls, service, self._rng
        other._agent, other._client = self._agent, self._client
        return other

    def get(self, path: str, **more: Any) -> Answer:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> Answer:
        return self.request("POST", path, **more)

    def put(self, path: str, **more: Any) -> Answer:
        return self.request("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> Answer:
        return self.request("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.request("DELETE", path, **more)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: float = PATIENCE,
    ) -> Answer:
        """Send one request and return its result. Nothing that the service does raises. A header that is None is not
        sent: `headers={"X-Request-ID": None}`."""
        ident = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        url = self._urls[self._service] + path
        # Said, not left to the pool: of a connection that is idle one thread makes use while another one closes it.
        usual = {"X-Request-ID": ident, "User-Agent": self._agent, "Connection": "close"}
        said = {name: value for name, value in (headers or {}).items() if value is not None}
        sent = {name: value for name, value in usual.items() if name not in (headers or {})} | said
        if content is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        given = {name.lower(): value for name, value in sent.items()}
        began = time.monotonic()
        about: dict[str, Any] = {
            "method": method,
            "url": url,
            "path": path,
            "request_id": given.get("x-request-id", ""),
            "sent": json,
            "raw": content,
            "said": said,
            "began": began,
            "service": self._service,
        }
        try:
            # One limit for the whole exchange: a body that drips must not go on for ever.
            with self._client.stream(
                method, url, json=json, content=content, headers=sent, timeout=timeout
            ) as response:
                chunks, size = [], 0
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if time.monotonic() - began > timeout:
                        raise httpx.ReadTimeout(tr("the answer did not end"))
                    if size > LARGEST:
                        raise httpx.ReadError(tr("the answer has more than {largest:,} bytes", largest=LARGEST))
                body = b"".join(chunks)
        except httpx.ConnectError as error:
            return Answer(
                **about, seconds=time.monotonic() - began, outcome="failed", error=tr("refused ({error})", error=error)
            )
        except httpx.TimeoutException:
            waited = time.monotonic() - began
            return Answer(**about, seconds=waited, error=tr("no answer within {waited:.1f} s", waited=waited))
        except httpx.HTTPError as error:
            return Answer(
                **about, seconds=time.monotonic() - began, error=tr("connection lost ({why})", why=_why(error))
            )
        return Answer(
            **about,
            seconds=time.monotonic() - began,
            status=response.status_code,
            outcome="ok" if response.is_success else "failed",
            text=body.decode("utf-8", "replace"),
            json=_json(body),
            headers=response.headers,
        )

    def at_once(self, calls: Iterable[Callable[[], T]], limit: int = CROWD) -> list[T]:
        """Make all calls at the same time, at most `limit`; the results in the order of the calls."""
        made = list(calls)
        if not made:
            return []
        pool = ThreadPoolExecutor(min(limit, len(made)))
        try:
            return [future.result() for future in [pool.submit(call) for call in made]]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a check that is broken off does not wait for the others

    def open_loop(self, calls: Sequence[Callable[[], T]], seconds: float) -> list[T]:
        """Begin the calls at random moments of so many seconds, whatever becomes of the others; as `at_once`."""
        began = time.monotonic()
        moments = sorted(self._rng.uniform(0, seconds) for _ in calls)

        def later(moment: float, call: Callable[[], T]) -> T:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            return call()

        return self.at_once([partial(later, *one) for one in zip(moments, calls, strict=True)], limit=len(calls))

    def close(self) -> None:
        self._client.close()


def _json(body: bytes) -> Any:
    try:
        return jsonlib.loads(body)
    except (ValueError, RecursionError):  # no JSON, or one that nests without end
        return None


def _why(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
