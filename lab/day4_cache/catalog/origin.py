"""The origin, called with a limit on every wait. It says of an id: a Product, or None (there is no such product)."""

from __future__ import annotations

import httpx
from pydantic import BaseModel

from lab.chassis.client import http_client


class Product(BaseModel):
    id: str
    name: str
    price: int
    version: int
    sold: int


class Unavailable(Exception):
    """The origin did not answer, or with an error of its own."""


class Origin:
    """At most so many calls are under way at one time as there are `connections`; whoever finds none free within 3 s
    is refused."""

    def __init__(self, url: str, *, connections: int = 20) -> None:
        self._client = http_client(url, connect=3.0, read=4.0, connections=connections)

    def read(self, product_id: str) -> Product | None:
        """Raises Unavailable."""
        return self._asked("GET", product_id)

    def write(self, product_id: str, name: str, price: int, version: int = 0) -> Product | None:
        """Raises Unavailable, and then it may have been written all the same."""
        return self._asked("PUT", product_id, {"name": name, "price": price, "version": version})

    def close(self) -> None:
        self._client.close()

    def _asked(self, method: str, product_id: str, body: dict[str, object] | None = None) -> Product | None:
        try:
            answer = self._client.request(method, f"/products/{product_id}", json=body)
            if answer.status_code == 404:
                return None
            return Product.model_validate(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(repr(error)) from error
