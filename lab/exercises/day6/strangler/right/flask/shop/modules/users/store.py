import sqlite3

from toolbox import Refused, new_id, now, sql

FIELDS = "id, email, name, created_at"


def create_tables(database):
    database.execute(
        "CREATE TABLE IF NOT EXISTS users_users (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE,"
        " email TEXT UNIQUE, name TEXT, created_at TEXT)"
    )


def exists(ident):
    return sql("SELECT 1 FROM users_users WHERE id = ?", ident).fetchone() is not None


def find(ident):
    found = sql(f"SELECT {FIELDS} FROM users_users WHERE id = ?", ident).fetchone()
    if not found:
        raise Refused(404, "unknown_user")
    return found


def add(email, name):
    ident = new_id()
    _unless_taken(f"INSERT INTO users_users ({FIELDS}) VALUES (?, ?, ?, ?)", ident, email, name, now())
    return find(ident)


def change(ident, email, name):
    _unless_taken("UPDATE users_users SET email = ?, name = ? WHERE id = ?", email, name, ident)
    return find(ident)


def remove(ident):
    sql("DELETE FROM users_users WHERE id = ?", ident)


def replace(everybody):
    """Whoever is not among them is gone."""
    sql("BEGIN IMMEDIATE")
    sql("DELETE FROM users_users")
    for user in everybody:
        sql(f"INSERT INTO users_users ({FIELDS}) VALUES (?, ?, ?, ?)", *(user[name] for name in FIELDS.split(", ")))
    sql("COMMIT")


def listed(size, after):
    return sql("SELECT * FROM users_users WHERE place > ? ORDER BY place LIMIT ?", after, size + 1).fetchall()


def _unless_taken(statement, *values):
    try:
        sql(statement, *values)
    except sqlite3.IntegrityError:
        raise Refused(409, "email_taken") from None
