"""A PostgreSQL that runs already: each run has databases of its own there, one a service, and takes them away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.engines.recipe import EngineUnavailable
from lab.locale import tr
from lab.system.secrets import without_login

if TYPE_CHECKING:
    from psycopg import Connection

PATIENCE = 5
"""Seconds for the server to take a connection."""


class Databases:
    """`lab_3f9a1c_orders` for the service orders: nobody else has databases of that name. `url` is the server's, with
    its login."""

    def __init__(self, url: str, users: Sequence[str], token: Callable[[], str] = lambda: token_hex(3)) -> None:
        scheme, mark, rest = url.partition("://")
        self._url = f"postgresql{mark}{rest}" if scheme != "postgresql" else url
        self.prefix = f"lab_{token()}_"
        self._names = [self.prefix + user.replace("-", "_") for user in users]

    def make(self) -> None:
        """Raises EngineUnavailable if the server does not let us in, or not make databases."""
        import psycopg

        where = without_login(self._url)
        try:
            with self._connected() as connection:
                for name in self._names:
                    connection.execute(f'CREATE DATABASE "{name}"')
        except psycopg.errors.InsufficientPrivilege:
            raise EngineUnavailable(
                tr(
                    "sql: {user} may not make databases at {where}, and each service gets one of its own; "
                    "ALTER ROLE {user} CREATEDB allows it",
                    user=urlsplit(self._url).username or "",
                    where=where,
                )
            ) from None
        except psycopg.Error as problem:
            why = str(problem).strip().splitlines()[-1]
            raise EngineUnavailable(tr("sql: {where} lets nobody in: {why}", where=where, why=why)) from None

    def remove(self) -> str:
        """Take them away, whoever still has them open; what could not be, in words, or nothing."""
        import psycopg

        try:
            with self._connected() as connection:
                for name in self._names:
                    connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        except psycopg.Error as problem:
            why = str(problem).strip().splitlines()[-1]
            return tr(
                "databases {prefix}… are left at {where}: {why}",
                prefix=self.prefix,
                where=without_login(self._url),
                why=why,
            )
        return ""

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        import psycopg

        with psycopg.connect(self._url, autocommit=True, connect_timeout=PATIENCE) as connection:
            yield connection
