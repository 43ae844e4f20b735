"""The users, and who they are for the rest of the shop."""

from uuid import uuid4

from aiohttp import web
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from shop.kit.database import aside, shown_page
from shop.kit.http import Refusal, now, received, word

from .tables import metadata, users


class Users:
    def __init__(self, engine):
        self.engine = engine
        self.may_go = []
        """Asked with the id of a user who is to be deleted; one `False` keeps them."""

    async def start(self):
        await aside(metadata.create_all, self.engine)

    def routes(self):
        return [
            web.post("/users", self.create),
            web.get("/users", self.listed),
            web.get("/users/{id}", self.show),
            web.patch("/users/{id}", self.change),
            web.delete("/users/{id}", self.remove),
        ]

    async def is_user(self, ident):
        return await self._row(ident) is not None

    async def create(self, request):
        body = await received(request)
        made = {"id": uuid4().hex, "email": word(body, "email"), "name": word(body, "name"), "created_at": now()}
        await self._write(insert(users).values(made))
        return web.json_response(made, status=201)

    async def listed(self, request):
        return web.json_response(await shown_page(request, self.engine, select(users), users, _shown))

    async def show(self, request):
        return web.json_response(await self._found(request))

    async def change(self, request):
        body, found = await received(request), await self._found(request)
        changes = {key: word(body, key) for key in ("email", "name") if key in body}
        if changes:
            await self._write(update(users).where(users.c.id == found["id"]).values(changes))
        return web.json_response(await self._found(request))

    async def remove(self, request):
        found = await self._found(request)
        for may_go in self.may_go:
            if not await may_go(found["id"]):
                raise Refusal(409, "user_has_orders")
        await self._write(delete(users).where(users.c.id == found["id"]))
        return web.Response(status=204)

    async def _row(self, ident):
        query = select(users).where(users.c.id == ident)
        return await aside(lambda connection: connection.execute(query).one_or_none(), self.engine)

    async def _found(self, request):
        row = await self._row(request.match_info["id"])
        if row is None:
            raise Refusal(404, "no_such_user")
        return _shown(row)

    async def _write(self, statement):
        try:
            await aside(lambda connection: connection.execute(statement).rowcount, self.engine)
        except IntegrityError:
            raise Refusal(409, "email_taken") from None


def _shown(row):
    return {"id": row.id, "email": row.email, "name": row.name, "created_at": row.created_at}
