"""A client for an app in this process: nothing is listened on, and every request has an event loop of its own."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI


class AppClient:
    """Asks an app as httpx would ask a server."""

    def __init__(self, app: FastAPI, *, headers: Mapping[str, str] | None = None, host: str = "localhost") -> None:
        self.app = app
        self._headers = dict(headers or {})
        self._url = f"http://{host}"

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, url, given))

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def head(self, url: str, **given: Any) -> httpx.Response:
        return self.request("HEAD", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)

    def put(self, url: str, **given: Any) -> httpx.Response:
        return self.request("PUT", url, **given)

    def delete(self, url: str, **given: Any) -> httpx.Response:
        return self.request("DELETE", url, **given)

    async def _ask(self, method: str, url: str, given: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=self._url, headers=self._headers) as client:
            return await client.request(method, url, **given)
