"""Versions: how a caller names a state of the data."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from barledger.domain.interval import Instant, format_time, parse_time
from barledger.domain.series import check_name
from barledger.errors import InvalidInterval, InvalidVersion

Kind = Literal["latest", "first", "revision", "time", "strategy", "named"]

LATEST: Final = "latest"
VERBS: Final = ("approvals", "approve", "hold", "release", "revoke", "rotate", "rules", "test", "verify")
"""What stands behind a name and a slash in addresses, where something is done with that which is named."""
# None is beyond the end of time.
_REVISION: Final = re.compile(r"revision:([0-8]?\d{1,18})")
_STRATEGY: Final = re.compile(r"strategy:(.+)")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ].*)?")
_DIGITS: Final = re.compile(r"[0-9]+")
_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_RESERVED: Final = re.compile(
    r"(latest|first|(edition_|revision:|strategy:).*|\d{4}-\d{2}-\d{2}.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version as asked for: ``number`` is a revision or a time in ns, ``name`` a strategy or an id."""

    kind: Kind
    number: int = 0
    name: str = ""

    @property
    def pinned(self) -> bool:
        """Whether it is a snapshot or a named version, which has bounds of its own."""
        return self.kind in ("named", "strategy")

    @staticmethod
    def of(asked: "str | Instant") -> "Version":
        """Read a version, an integer as a revision and a date as a time.

        Raises `InvalidVersion` and, for an id, `InvalidName`.

        >>> Version.of("revision:7")
        Version(kind='revision', number=7, name='')
        """
        text = asked if isinstance(asked, str) else _text(asked)
        if text == "latest":
            return Version(kind="latest")
        if text == "first":
            return Version(kind="first")
        if revision := _REVISION.fullmatch(text):
            return Version(kind="revision", number=int(revision[1]))
        if strategy := _STRATEGY.fullmatch(text):
            return Version(kind="strategy", name=strategy[1])
        if _TIME.fullmatch(text):
            return Version(kind="time", number=_time(text))
        check_name("version", text)
        if reason := _misspelt(text):
            raise InvalidVersion(value=text, reason=reason)
        return Version(kind="named", name=check_version_id(text))


def _misspelt(text: str) -> str:
    """Return what is wrong with a text that is nearly another kind of version than an id; nothing of what is an id."""
    word, colon, rest = text.partition(":")
    lower = word.lower() if colon else text.lower()
    if lower in ("revision", "strategy") if colon else lower in ("latest", "first"):
        if lower != word:
            return f"{lower}{colon} is written in lower case"
        if lower == "strategy":
            return "no strategy is named after the colon"
        if _DIGITS.fullmatch(rest):
            return "no revision has so large a number"
        return "what stands after the colon is no number"
    return "it begins as a date does, and is no time" if _DATED.match(text) else ""


def _text(asked: Instant) -> str:
    if isinstance(asked, bool) or not isinstance(asked, int | np.integer | date | np.datetime64):
        raise InvalidVersion(value=repr(asked), reason="it is neither text, a revision nor a time")
    return f"revision:{asked}" if isinstance(asked, int | np.integer) else format_time(_time(asked))


def _time(text: Instant) -> int:
    try:
        return parse_time(text)
    except InvalidInterval as error:
        raise InvalidVersion(value=str(text), reason="it is not a time") from error


def check_version_id(text: str) -> str:
    """Return ``text`` if a snapshot or named version may be called so; raises `InvalidVersion` and `InvalidName`."""
    if _RESERVED.fullmatch(check_name("version", text)):
        raise InvalidVersion(value=text, reason="it looks like a built-in kind of version")
    return text


def check_new_id(text: str) -> str:
    """Return ``text`` if it may become an id, which is part of addresses; raises as `check_version_id` does.

    >>> check_new_id("before/the split")
    'before/the split'
    """
    *before, last = check_version_id(text).split("/")
    if not {"", ".", ".."}.isdisjoint([*before, last]) or (before and last in VERBS):
        raise InvalidVersion(value=text, reason="in addresses it would mean something else")
    return text


def edition_layer(edition: int) -> str:
    """Return the layer that keeps copies of the rows with this edition.

    >>> edition_layer(2)
    'edition_2'
    """
    return f"edition_{edition}"
