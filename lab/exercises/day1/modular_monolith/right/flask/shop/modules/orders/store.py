import json

from toolbox import Refused, new_id, now, sql, without_place


def create_tables(database):
    database.executescript(
        """
        CREATE TABLE IF NOT EXISTS orders_orders (
            place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, user_id TEXT, items TEXT, total INTEGER,
            status TEXT, created_at TEXT);
        CREATE INDEX IF NOT EXISTS orders_orders_of_user ON orders_orders (user_id, place);
        """
    )


def has_orders(user):
    return sql("SELECT 1 FROM orders_orders WHERE user_id = ? LIMIT 1", user).fetchone() is not None


def add(user, items):
    ident = new_id()
    sql(
        "INSERT INTO orders_orders (id, user_id, items, total, status, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        ident,
        user,
        json.dumps(items),
        sum(item["qty"] * item["price"] for item in items),
        "created",
        now(),
    )
    return find(ident)


def find(ident):
    found = sql("SELECT * FROM orders_orders WHERE id = ?", ident).fetchone()
    if not found:
        raise Refused(404, "unknown_order")
    return without_place(_read(found))


def cancel(ident):
    sql("UPDATE orders_orders SET status = 'cancelled' WHERE id = ?", ident)
    return find(ident)


def remove(ident):
    if sql("DELETE FROM orders_orders WHERE id = ?", ident).rowcount == 0:
        raise Refused(404, "unknown_order")


def listed(user, size, after):
    """All of them, or those of a user."""
    rows = sql(
        "SELECT * FROM orders_orders WHERE place > ? AND (? IS NULL OR user_id = ?) ORDER BY place LIMIT ?",
        after,
        user,
        user,
        size + 1,
    )
    return [_read(row) for row in rows]


def _read(row):
    return {**row, "items": json.loads(row["items"])}
