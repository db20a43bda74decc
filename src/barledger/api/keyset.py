"""Keyset pages: a list in an order that lasts, cut after the last one that the client has seen."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

import orjson
from pydantic import Field
from starlette.requests import Request

from barledger.api import paging
from barledger.api.schemas.values import CURSOR, Wish
from barledger.errors import InvalidCursor

MOST: Final = 1_000
T = TypeVar("T")
Place = tuple[str | int, ...]
"""Where something stands in its list: what the list is ordered by, and so unlike that of all others."""


class PageWish(Wish):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="At most so many on a page.")] = 100
    cursor: Annotated[str | None, Field(pattern=CURSOR, description="From `next`, or the header Link.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of a list, and the address of what follows."""

    items: Sequence[T]
    next: str | None

    @property
    def link(self) -> dict[str, str]:
        """Return the header that names the next page."""
        return paging.link(self.next)


class Keyset:
    """A question for a list; pages are cut by places, so that what is added or removed meanwhile moves nothing."""

    def __init__(self, request: Request, wish: PageWish) -> None:
        """Know the question; raises `InvalidCursor` for a cursor of another one."""
        self._request, self._limit = request, wish.limit
        self._question = paging.question_of({"path": request.url.path}, wish.model_dump(mode="json"))
        self.after = None if wish.cursor is None else _place_of(wish.cursor, self._question)

    @property
    def wanted(self) -> int:
        """Return how many to look for: one more than a page has, which tells whether there is another."""
        return self._limit + 1

    def page(self, found: Sequence[T], place: Callable[[T], Place]) -> Page[T]:
        """Return a page of what was found after the place."""
        shown = found[: self._limit]
        more = len(found) > len(shown)
        return Page(items=shown, next=self._next(place(shown[-1])) if more else None)

    def cut(self, whole: Sequence[T], place: Callable[[T], Place], *, newest_first: bool = False) -> Page[T]:
        """Return a page of a whole list that is in the order of the places, or with ``newest_first`` in the other."""
        if self.after is None:
            return self.page(whole, place)
        seen = self.after
        try:
            left = [one for one in whole if (place(one) < seen if newest_first else place(one) > seen)]
        except TypeError:
            raise InvalidCursor(reason="it is not one of this server") from None
        return self.page(left, place)

    def _next(self, place: Place) -> str:
        return paging.next_url(self._request, _cursor_of(place, self._question))


def integers(place: Place | None, count: int) -> tuple[int, ...] | None:
    """Return a place that consists of so many numbers; raises `InvalidCursor`."""
    if place is None:
        return None
    if len(place) != count or not all(isinstance(one, int) for one in place):
        raise InvalidCursor(reason="it is not one of this server")
    return tuple(int(one) for one in place)


def _cursor_of(place: Place, question: str) -> str:
    told = orjson.dumps({"q": question, "p": [[isinstance(one, int), str(one)] for one in place]})
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def _place_of(cursor: str, question: str) -> Place:
    try:
        told: Mapping[str, Any] = orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        )
        place = tuple(paging.number_of(text) if number else str(text) for number, text in told["p"])
        asked = told["q"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise InvalidCursor(reason="it is not one of this server") from None
    if asked != question:
        raise InvalidCursor(reason="it belongs to another question")
    return place
