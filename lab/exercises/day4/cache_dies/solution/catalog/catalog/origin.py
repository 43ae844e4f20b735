"""The origin: where products really are. It is slow, it numbers the versions of each row, and without a cache before it
it must not be asked more than it can take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Product(BaseModel):
    id: str
    name: str
    price: int
    version: int


class Unavailable(Exception):
    """The origin did not answer, or not as agreed. What was written may or may not be there."""


class Origin:
    """The rows of the table `products`. At most `at_once` questions are with the origin; the others wait for their
    turn, no longer than for an answer."""

    def __init__(self, url: str, timeout: float, at_once: int) -> None:
        self._timeout = timeout
        self._turns = threading.BoundedSemaphore(at_once)
        self._http = httpx.Client(base_url=f"{url}/rows/products", timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def read(self, product_id: str) -> Product | None:
        """The product, or None if there is none. Raises Unavailable."""
        answer = self._ask("GET", product_id)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _product(answer)

    def write(self, product_id: str, name: str, price: int) -> Product:
        """The product as it is now, with its new version. Raises Unavailable."""
        return _product(self._ask("PUT", product_id, {"id": product_id, "name": name, "price": price}))

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, product_id: str, row: dict[str, object] | None = None) -> httpx.Response:
        with self._turn():
            try:
                path = f"/{quote(product_id, safe='')}"
                return self._http.request(method, path, json=row, headers=outgoing_headers())
            except httpx.HTTPError as error:
                raise Unavailable(repr(error)) from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._timeout):
            raise Unavailable("too many are asking it already")
        try:
            yield
        finally:
            self._turns.release()


def _product(answer: httpx.Response) -> Product:
    if not answer.is_success:
        raise Unavailable(f"answered {answer.status_code}")
    try:
        return Product.model_validate_json(answer.content)
    except ValidationError as error:
        raise Unavailable(f"answered {answer.text[:80]!r}") from error
