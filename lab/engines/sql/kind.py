"""SQL databases, as a record."""

from __future__ import annotations

from lab.locale import mark
from lab.system.kinds import EngineKind, extra

KIND = EngineKind(
    name="sql",
    protocols=("sql",),
    variable="LAB_SQL_URL",
    schemes={"postgresql": 5432, "postgresql+psycopg": 5432, "mysql": 3306, "mariadb": 3306},
    tiers="lab.engines.sql.tiers",
    embedded=mark("SQLite, one file a service"),
    caveat=(
        mark(
            "SQLite allows one writer at a time in one file and is reached by no network: locks, "
            "isolation levels and lost connections are those of PostgreSQL only on PostgreSQL"
        )
    ),
    native="apt install postgresql  |  brew install postgresql@17",
    clients=("sqlalchemy", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite", "sqlite3", "lab.chassis.database"),
    remains=mark("tables stay there after the run, of all services in one database"),
    drivers={"postgresql": "psycopg", "postgresql+psycopg": "psycopg"},
    driver=extra("postgres"),
    files=True,
    container="lab.engines.sql.container:container",
)
