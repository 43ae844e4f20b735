"""Notifications in asyncio: the mail server knows the key."""

import os

from aiohttp import ClientSession, ClientTimeout

from bus import Bus, Later, Never, run

LIMIT = ClientTimeout(total=int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000)
TEMPLATES = {"order.confirmed": "order_confirmed", "order.cancelled": "order_cancelled"}


async def mail(happened):
    order = happened["data"]["order_id"]
    headers = {"Idempotency-Key": order, "X-Request-ID": happened.get("correlationid", "")}
    body = {"order_id": order, "template": TEMPLATES[happened["type"]]}
    async with (
        ClientSession(timeout=LIMIT) as session,
        session.post(os.environ["NOTIFY_URL"] + "/notify", json=body, headers=headers) as answer,
    ):
        if answer.status == 422:
            raise Never("undeliverable")
        if answer.status != 202:
            raise Later(f"the mail server answered {answer.status}")


if __name__ == "__main__":
    run([], Bus("notifications.order-outcome", list(TEMPLATES), mail).keep)
