"""A data file: rows of one file in batches, and where in it a row stands."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from barledger.domain.rows import Ints
from barledger.errors import SourceError
from barledger.sources.files.layout import Layout
from barledger.sources.files.mappers import Mapper
from barledger.sources.files.origin import Origin

BATCH: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some columns of consecutive rows under the file's own names; ``first`` is the first row's number, from 0."""

    first: int
    columns: pa.RecordBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What lets a file leave rows out that cannot be wanted: given the earliest and latest time of a stretch."""

    time: str
    may_hold: Callable[[pa.Array], bool]


class DataFile(ABC):
    """A file of one format; reading it takes memory for a few batches, whatever its size.

    Every method raises `SourceError` if the file is not what it should be.
    """

    def __init__(self, origin: Origin, layout: Layout, symbol: str) -> None:
        """Open nothing yet; ``symbol`` is whose bars are wanted."""
        self.origin = origin
        self.layout = layout
        self.symbol = symbol

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns, in order."""

    @abstractmethod
    def mapper(self) -> Mapper:
        """Return the mapper that the header tells."""

    @abstractmethod
    def batches(
        self, matched: Mapping[str, str], pruning: Pruning | None, *, texts: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Give all rows in order, but for those that pruning excludes; ``matched`` maps our names to theirs.

        Where a format has no types, the columns of ``texts`` (our names) are given as they are written.
        """

    def place(self, row: int) -> str:
        """Return where a row stands, for people."""
        return f"{self.origin}, row {row + 1}"

    def error(self, problem: object) -> SourceError:
        """Return the error that names this file and, in one line, what is wrong."""
        return SourceError(
            source="files", detail=f"{self.origin}: {(str(problem).splitlines() or ['it is damaged'])[0]}"
        )

    def guarded(self, work: Callable[[], Any]) -> Any:
        """Do something that reads; the reader's own errors become ours."""
        try:
            return work()
        except SourceError:
            raise
        except (pa.ArrowException, OSError, EOFError) as error:
            raise self.error(error) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where some rows of a file stand, said only if it is asked for, because lines are found by counting them."""

    file: DataFile
    rows: Ints

    def __str__(self) -> str:
        """Name the first of the rows."""
        return f"{self.at(0)} and after" if len(self.rows) else str(self.file.origin)

    def at(self, position: int) -> str:
        """Name one of the rows."""
        return self.file.place(int(self.rows[position]))
