"""What orders asks the catalog: the price of a product. Asked twice at most, and never for longer than is said."""

from __future__ import annotations

import time
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, ValidationError

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """The catalog did not answer, or not as agreed."""


class _Product(BaseModel):
    """As far as orders needs it."""

    price: int = Field(gt=0)


class Catalog:
    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` is in seconds, for all attempts together: whoever orders waits for no longer."""
        self._timeout = timeout
        self._http = httpx.Client(base_url=url, trust_env=False, verify=AUTHORITIES)

    def price(self, product_id: str) -> int | None:
        """What it costs now; None: there is no such product. Raises Unavailable."""
        until = time.monotonic() + self._timeout
        try:
            answer = self._ask(product_id, until)
        except httpx.TimeoutException as error:
            raise Unavailable(repr(error)) from error
        except httpx.TransportError:
            # It was cut off or just starts again. Asking changes nothing, so it is asked once more.
            try:
                answer = self._ask(product_id, until)
            except httpx.TransportError as error:
                raise Unavailable(repr(error)) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise Unavailable(f"answered {answer.status_code}")
        try:
            return _Product.model_validate_json(answer.content).price
        except ValidationError as error:
            raise Unavailable(f"answered {answer.text[:80]!r}") from error

    def close(self) -> None:
        self._http.close()

    def _ask(self, product_id: str, until: float) -> httpx.Response:
        path = f"/products/{quote(product_id, safe='')}"
        left = max(0.01, until - time.monotonic())
        return self._http.get(path, headers=outgoing_headers(), timeout=left)
