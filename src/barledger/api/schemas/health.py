"""Health: what anybody may know of the server."""

from typing import Literal

from barledger.api.schemas.values import Schema


class Health(Schema):
    """That the process answers."""

    status: Literal["ok"]


class Ready(Schema):
    """Whether requests can be served now; who wants to know why not asks with a key, or reads the log."""

    status: Literal["ready", "not-ready"]
