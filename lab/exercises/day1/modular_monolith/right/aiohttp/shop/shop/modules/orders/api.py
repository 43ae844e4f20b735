"""The orders. They are told who can say whether there is a user."""

from uuid import uuid4

from aiohttp import web
from sqlalchemy import delete, insert, select, update

from shop.kit.database import aside, shown_page
from shop.kit.http import Refusal, amount, now, received, word

from .tables import metadata, orders
from .users import RemoteUsers

__all__ = ["Orders", "RemoteUsers"]


class Orders:
    def __init__(self, engine, users):
        self.engine = engine
        self.users = users
        self.placed = []
        """Told the user and the order when one is placed."""

    async def start(self):
        await aside(metadata.create_all, self.engine)

    def routes(self):
        return [
            web.post("/orders", self.create),
            web.get("/orders", self.listed),
            web.get("/orders/{id}", self.show),
            web.patch("/orders/{id}", self.change),
            web.delete("/orders/{id}", self.remove),
        ]

    async def has_none_of(self, user):
        query = select(orders.c.id).where(orders.c.user_id == user).limit(1)
        return await aside(lambda connection: connection.execute(query).first(), self.engine) is None

    async def create(self, request):
        body = await received(request)
        made = {"id": uuid4().hex, "user_id": word(body, "user_id"), "items": _items(body)}
        made["total"] = sum(item["qty"] * item["price"] for item in made["items"])
        if made["total"] > 2**53:
            raise Refusal(422, "too_dear")
        made |= {"status": "created", "created_at": now()}
        if not await self.users.is_user(made["user_id"]):
            raise Refusal(422, "unknown_user")
        await self._write(insert(orders).values(made))
        for told in self.placed:
            await told(made["user_id"], made["id"])
        return web.json_response(made, status=201)

    async def listed(self, request):
        query = select(orders)
        if "user_id" in request.query:
            query = query.where(orders.c.user_id == request.query["user_id"])
        return web.json_response(await shown_page(request, self.engine, query, orders, _shown))

    async def show(self, request):
        query = select(orders).where(orders.c.id == request.match_info["id"])
        row = await aside(lambda connection: connection.execute(query).one_or_none(), self.engine)
        if row is None:
            raise Refusal(404, "no_such_order")
        return web.json_response(_shown(row))

    async def change(self, request):
        body = await received(request)
        await self.show(request)
        if body.get("status") != "cancelled":
            raise Refusal(422, "invalid_status")
        await self._write(update(orders).where(orders.c.id == request.match_info["id"]).values(status="cancelled"))
        return await self.show(request)

    async def remove(self, request):
        if not await self._write(delete(orders).where(orders.c.id == request.match_info["id"])):
            raise Refusal(404, "no_such_order")
        return web.Response(status=204)

    async def _write(self, statement):
        return await aside(lambda connection: connection.execute(statement).rowcount, self.engine)


def _items(body):
    items = body.get("items")
    if not isinstance(items, list) or not items or len(items) > 100:
        raise Refusal(422, "invalid_items")
    if not all(isinstance(item, dict) for item in items):
        raise Refusal(422, "invalid_items")
    return [{"sku": word(one, "sku"), "qty": amount(one, "qty", 1), "price": amount(one, "price", 0)} for one in items]


def _shown(row):
    return {
        "id": row.id,
        "user_id": row.user_id,
        "items": row.items,
        "total": row.total,
        "status": row.status,
        "created_at": row.created_at,
    }
