"""Reasons: why something is changed, for those who read the audit log later."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.values import NOTE, Name, Wish

Reason = Annotated[Name, Field(description="Why; the audit log keeps it.", examples=["the vendor confirmed it"])]
Note = Annotated[
    str,
    Field(max_length=256, pattern=NOTE, description="Why; the audit log keeps it.", examples=[""]),
]
"""A reason that may be left out."""


class ReasonWish(Wish):
    """A change that has to have a reason."""

    reason: Reason


class NothingWish(Wish):
    """A change about which nothing is to be said."""


class NoteWish(Wish):
    """A change that may have a reason."""

    reason: Note = ""
