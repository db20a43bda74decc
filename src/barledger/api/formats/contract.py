"""What a format promises: bytes as portions of a table come, never more than one portion in memory.

To add a format, write a class like that of `ndjson`, the smallest, and name it in `negotiation.FORMATS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pyarrow as pa

Orient = Literal["records", "columns"]
Times = Literal["rfc3339", "epoch_s", "epoch_ms", "epoch_ns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How values are written: rows or columns first, and what times are."""

    orient: Orient = "records"
    times: Times = "rfc3339"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabular:
    """A table that comes in portions, all of one schema; ``meta`` gives what it resolved to, ready for JSON.

    ``next`` is the address of the next page, if there is one; ``whole`` says that there is one portion only. ``tail``
    gives what is only known once all portions are written; JSON has a place for it.
    """

    schema: pa.Schema
    portions: Iterable[pa.Table]
    meta: Callable[[], Mapping[str, Any]] = dict
    next: str | None = None
    whole: bool = True
    tail: Callable[[], Mapping[str, Any]] | None = None


class Format(ABC):
    """A form that a table is sent in."""

    name: ClassVar[str]
    media_type: ClassVar[str]
    also: ClassVar[tuple[str, ...]] = ()
    """Other media types that clients know it by."""
    typed_times: ClassVar[bool] = False
    """Whether times have a type of their own, so that nothing else can be asked of them."""

    @abstractmethod
    def write(self, table: Tabular, style: Style) -> Iterator[bytes]:
        """Give the bytes, portion by portion."""
