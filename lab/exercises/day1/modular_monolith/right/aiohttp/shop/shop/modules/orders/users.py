"""Users who live in another process."""

from urllib.parse import quote

from aiohttp import ClientError
from yarl import URL

from shop.kit.http import Refusal


class RemoteUsers:
    def __init__(self, client, address):
        self._client = client
        self._address = address

    async def is_user(self, ident):
        url = URL(f"{self._address}/users/{quote(ident, safe='')}", encoded=True)
        try:
            async with self._client.get(url, allow_redirects=False) as answer:
                status = answer.status
        except (ClientError, TimeoutError):
            status = None
        if status not in (200, 404):
            raise Refusal(503, "users_unavailable")
        return status == 200
