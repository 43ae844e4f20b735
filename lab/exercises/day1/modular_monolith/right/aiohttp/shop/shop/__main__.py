"""The composition root: aiohttp, with SQLAlchemy Core in threads."""

import asyncio
import os
import signal

from aiohttp import ClientSession, ClientTimeout, web

from shop.kit.database import open_engine
from shop.kit.http import health, problems
from shop.modules.notifications.api import Notifications
from shop.modules.orders.api import Orders, RemoteUsers
from shop.modules.users.api import Users

ALL = "users,orders,notifications"


async def main():
    modules = (os.environ.get("MODULES") or ALL).split(",")
    engine = open_engine(os.environ["DATABASE_URL"])
    app = web.Application(middlewares=[problems], client_max_size=128 * 1024)
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", health)
    async with ClientSession(timeout=ClientTimeout(total=2)) as client:
        orders = users = notifications = None
        if "notifications" in modules:
            notifications = Notifications(engine)
        if "users" in modules:
            users = Users(engine)
        if "orders" in modules:
            orders = Orders(engine, users or RemoteUsers(client, os.environ["USERS_URL"]))
        # Nobody knows the other: who cares for something is told of it here.
        if orders and notifications:
            orders.placed.append(notifications.order_placed)
        if users and orders:
            users.may_go.append(orders.has_none_of)
        for module in (users, orders, notifications):
            if module:
                await module.start()
                app.add_routes(module.routes())
        await serve(app)


async def serve(app):
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    await web.TCPSite(runner, os.environ["HOST"], int(os.environ["PORT"]), backlog=512).start()
    asked_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    await asked_to_stop.wait()
    await runner.cleanup()


asyncio.run(main())
