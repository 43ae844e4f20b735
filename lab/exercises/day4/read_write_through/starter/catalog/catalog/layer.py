"""The cache layer, and all that the catalog knows of where products are."""

from __future__ import annotations

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
    """The layer did not answer, or not as agreed. What was written may or may not be there."""


class Layer:
    def __init__(self, url: str, timeout: float) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/cache/products", timeout=timeout, trust_env=False, verify=AUTHORITIES
        )

    def read(self, product_id: str) -> Product | None:
        """The product, or None if there is none. Raises Unavailable."""
        answer = self._ask("GET", product_id)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _product(answer)

    def write(self, product_id: str, name: str, price: int) -> Product:
        """The product as it is now, with its new version. Raises Unavailable."""
        return _product(self._ask("PUT", product_id, {"name": name, "price": price}))

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, product_id: str, change: dict[str, object] | None = None) -> httpx.Response:
        try:
            return self._http.request(method, f"/{quote(product_id, safe='')}", json=change, headers=outgoing_headers())
        except httpx.HTTPError as error:
            raise Unavailable(repr(error)) from error


def _product(answer: httpx.Response) -> Product:
    if not answer.is_success:
        raise Unavailable(f"answered {answer.status_code}")
    try:
        return Product.model_validate_json(answer.content)
    except ValidationError as error:
        raise Unavailable(f"answered {answer.text[:80]!r}") from error
