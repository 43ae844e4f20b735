"""One part of the monolith, as the service that takes its place sees it: the home of the record until all that holds
on to it has moved out, too."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from lab.chassis.problems import Problem
from lab.day6_integration.calls.neighbour import Call, Neighbour

PAGE = 500

V = TypeVar("V", bound=BaseModel)


class Record(Generic[V]):
    """The `users` or the `orders` of the monolith. Each method raises Problem: what the monolith refused with, or
    Unavailable if it gave no answer."""

    def __init__(self, legacy: Neighbour, part: str, view: type[V]) -> None:
        self._legacy = legacy
        self._part = part
        self._view = view

    def find(self, ident: str) -> V | None:
        answer = self._legacy.send(Call(method="GET", path=self._path(ident)))
        return None if answer.status_code == 404 else self._view.model_validate(_taken(answer))

    def page(self, after: str) -> list[V]:
        """Those that come after this id, in the order of ids."""
        params = {"after": after, "limit": str(PAGE)}
        found = _taken(self._legacy.send(Call(method="GET", path=f"/{self._part}", params=params)))
        return [self._view.model_validate(item) for item in found["items"]]

    def create(self, body: BaseModel) -> V:
        return self._view.model_validate(self._write("POST", f"/{self._part}", body))

    def change(self, ident: str, body: BaseModel) -> V:
        return self._view.model_validate(self._write("PATCH", self._path(ident), body))

    def act(self, ident: str, action: str) -> V:
        return self._view.model_validate(self._write("POST", f"{self._path(ident)}/{action}"))

    def remove(self, ident: str) -> None:
        self._write("DELETE", self._path(ident))

    def _write(self, method: str, path: str, body: BaseModel | None = None) -> Any:
        content = json.dumps(body.model_dump()).encode() if body else b""
        return _taken(self._legacy.send(Call(method=method, path=path, body=content)))

    def _path(self, ident: str) -> str:
        return f"/{self._part}/{quote(ident, safe='')}"


def _taken(answer: httpx.Response) -> Any:
    """What it says. Raises Problem where it refuses."""
    if answer.is_error:
        said = answer.json()
        raise Problem(answer.status_code, said["code"], said["detail"])
    return answer.json() if answer.content else None
