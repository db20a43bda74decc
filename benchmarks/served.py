"""``python -m benchmarks.served KIND FOLDER FD [FILE]``: a server for the benchmarks, on a socket that it is given.

``face`` is the HTTP face, with one route more that sends FILE as it is; ``bare`` is a FastAPI app with nothing but the
same key check before one route that sends FILE, or 304.
"""

import socket
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, Response

import barledger
from barledger import BarLedger
from barledger.api.address import Address
from barledger.api.memory import give_back
from barledger.api.security.callers import Reader, Sessions
from barledger.api.security.rates import Rates
from barledger.api.server import Serving, server_of

TAG = '"bare"'


def main() -> None:
    """Serve until SIGTERM."""
    kind, folder, handle = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    file = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    listening = socket.socket(fileno=handle)
    give_back()
    with barledger.connect(folder) as bl:
        server = server_of(bl, Serving(address=Address(host="127.0.0.1", port=listening.getsockname()[1])))
        if kind == "bare":
            server.config.app = _bare(bl, b"" if file is None else file.read_bytes())
        elif file is not None:
            server.config.app.add_api_route("/static", lambda: FileResponse(file), methods=["GET"])
        server.run(sockets=[listening])


def _bare(bl: BarLedger, body: bytes) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.sessions, app.state.rates = Sessions(bl), Rates(rate=0, burst=1)

    @app.get("/bare")
    def bare(caller: Reader, request: Request) -> Any:  # noqa: ARG001 - the key is checked on the way
        if request.headers.get("if-none-match") == TAG:
            return Response(status_code=304, headers={"etag": TAG})
        return Response(body, headers={"etag": TAG}, media_type="application/json")

    return app


if __name__ == "__main__":
    main()
