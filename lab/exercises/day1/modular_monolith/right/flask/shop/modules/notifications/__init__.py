"""Whom to tell what."""

from flask import Blueprint, request

from toolbox import new_id, now, page, paging, sql


def create_tables(database):
    database.execute(
        "CREATE TABLE IF NOT EXISTS notifications_notifications (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT,"
        " user_id TEXT, order_id TEXT, template TEXT, created_at TEXT)"
    )


def order_placed(order, user):
    sql(
        "INSERT INTO notifications_notifications (id, user_id, order_id, template, created_at) VALUES (?, ?, ?, ?, ?)",
        new_id(),
        user,
        order,
        "order_created",
        now(),
    )


def routes():
    views = Blueprint("notifications", __name__)

    @views.get("/notifications")
    def several():
        size, after = paging()
        rows = sql(
            "SELECT * FROM notifications_notifications WHERE user_id = ? AND place > ? ORDER BY place LIMIT ?",
            request.args.get("user_id", ""),
            after,
            size + 1,
        ).fetchall()
        return page(rows, size)

    return views
