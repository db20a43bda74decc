"""The recorder: asks an app in this process, and keeps what was sent and answered by operation id."""

import asyncio
from typing import Any, Final

import orjson
from fastapi import FastAPI

from barledger.api.app import ROOT

_HOST: Final = "localhost"


class Recorder:
    """Asks as one key; a call returns the answer."""

    def __init__(self, app: FastAPI, key: str) -> None:
        """Ask this app with the text of a key."""
        self._app, self._key = app, key
        self.kept: dict[str, dict[str, Any]] = {}

    def __call__(self, operation: str, method: str, path: str, body: Any = None) -> Any:
        """Keep the answer as the operation's example; raises `RuntimeError` if it is not what was wanted."""
        told = self.ask(method, ROOT + path, body)
        self.kept[operation] = {"answer": told} if body is None else {"request": body, "answer": told}
        return told

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return an answer that is not to be kept."""
        status, answer = asyncio.run(self._asked(method, path, b"" if body is None else orjson.dumps(body)))
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer.decode()}")
        return orjson.loads(answer)

    async def _asked(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        sent: list[Any] = []
        waiting = asyncio.Event()
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if not parts:
                await waiting.wait()
            return parts.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(self._scope(method, path), receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])

    def _scope(self, method: str, address: str) -> dict[str, Any]:
        path, _, query = address.partition("?")
        headers = {"host": _HOST, "authorization": f"Bearer {self._key}", "content-type": "application/json"}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": (_HOST, 80),
        }
