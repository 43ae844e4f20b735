"""PostgreSQL in a container: a database and a login for each service, so that none can read another's tables."""

from __future__ import annotations

from collections.abc import Sequence

from lab.engines.container import Container
from lab.engines.sql.tiers import database

DATABASES = """\
#!/bin/sh
# Runs once, when the data folder is still empty. Every service gets a database that is its own: nobody else may even
# connect to it.
set -eu
for name in $DATABASES; do
  password=$(printenv "PASSWORD_$name")
  psql -v ON_ERROR_STOP=1 -v name="$name" -v password="$password" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
"""


def container(_: str, users: Sequence[str]) -> Container:
    names = {user: database(user) for user in users}
    return Container(
        image="postgres:17",
        port=5432,
        url="postgresql+psycopg://{user}:{password}@{address}/{user}",
        uid=999,
        data="/var/lib/postgresql/data",
        # By its address: while the databases are made, it listens on its socket only.
        check=("pg_isready", "--host", "127.0.0.1", "--username", "postgres"),
        memory=512,
        env={
            "POSTGRES_USER": "postgres",
            # The root of a fresh volume may hold a folder lost+found, and initdb wants an empty one.
            "PGDATA": "/var/lib/postgresql/data/cluster",
            "DATABASES": " ".join(names.values()),
        },
        passwords={"POSTGRES_PASSWORD": "", **{f"PASSWORD_{name}": user for user, name in names.items()}},
        files={"/docker-entrypoint-initdb.d/databases.sh": DATABASES},
    )
