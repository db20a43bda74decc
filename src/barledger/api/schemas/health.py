"""Health: what anybody may know of the server."""

from typing import Annotated, Literal

from pydantic import Field

from barledger.api.schemas.values import Schema


class Health(Schema):
    """That the process answers."""

    status: Literal["ok"]


class Check(Schema):
    """One thing that is needed, and whether it is well."""

    name: Literal["store", "ledger", "clock"]
    ok: bool
    detail: str


class Ready(Schema):
    """Whether requests can be served now; who wants to know why not asks with a key, or reads the log."""

    status: Literal["ready", "not-ready"]
    checks: Annotated[list[Check] | None, Field(description="For who shows a key for the whole library.")] = None
