"""What users have to be told."""

from uuid import uuid4

from aiohttp import web
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select

from shop.kit.database import aside
from shop.kit.http import Refusal, now

metadata = MetaData()
notifications = Table(
    "notifications_notifications",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("user_id", String, nullable=False, index=True),
    Column("order_id", String, nullable=False),
    Column("template", String, nullable=False),
    Column("created_at", String, nullable=False),
)
SHOWN = ("id", "user_id", "order_id", "template", "created_at")


class Notifications:
    def __init__(self, engine):
        self.engine = engine

    async def start(self):
        await aside(metadata.create_all, self.engine)

    def routes(self):
        return [web.get("/notifications", self.listed)]

    async def order_placed(self, user, order):
        made = dict(zip(SHOWN, (uuid4().hex, user, order, "order_created", now()), strict=True))
        await aside(lambda connection: connection.execute(insert(notifications).values(made)).rowcount, self.engine)

    async def listed(self, request):
        if "user_id" not in request.query:
            raise Refusal(400, "whose")
        query = select(notifications).where(notifications.c.user_id == request.query["user_id"])
        query = query.order_by(notifications.c.number)
        rows = await aside(lambda connection: connection.execute(query).mappings().all(), self.engine)
        return web.json_response({"items": [{name: row[name] for name in SHOWN} for row in rows]})
