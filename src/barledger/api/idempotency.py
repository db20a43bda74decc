"""Idempotency: a POST with an Idempotency-Key does its work once, however often it is sent."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from barledger.api.options import Options
from barledger.api.security.callers import Caller
from barledger.ledger.contract import Reply

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="Send the same key with the same request again to have the same answer, and nothing done twice.",
        examples=["5f0c7a52-2f5e-4f2c-9d0a-6a2b0e6d1c11"],
    ),
]
_KEPT = ("content-type", "location", "etag")


class Once:
    """Does the work of a request once; a route that changes something takes it as a parameter of this type.

    ``once(caller, wish, work)`` returns what ``work`` answers, or what it had answered to the same request.
    """

    def __init__(self, request: Request, idempotency_key: IdempotencyKey = None) -> None:
        """Know the request and its key."""
        self._request = request
        self._name = idempotency_key

    def __call__(self, caller: Caller, wish: BaseModel, work: Callable[[], Response]) -> Response:
        """Answer; raises `IdempotencyReused` and `IdempotencyPending`, and what the work raises."""
        if self._name is None:
            return work()
        options: Options = self._request.app.state.options
        told = f"{self._request.method} {self._request.url.path}\n{wish.model_dump_json()}"
        reply, again = caller.bl.replies.once(
            caller.key.id, self._name, told, lambda: _reply(work()), seconds=options.claim_seconds
        )
        response = Response(reply.body, reply.status, headers=dict(reply.headers))
        if again:
            response.headers["idempotency-replayed"] = "true"
        return response


OnceOnly = Annotated[Once, Depends()]


def _reply(response: Response) -> Reply:
    headers = tuple((name, value) for name, value in response.headers.items() if name in _KEPT)
    return Reply(status=response.status_code, headers=headers, body=bytes(response.body))
