"""Output: tables for people, JSON for programs; nothing but the answer goes to stdout."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time
from barledger.domain.readable import is_time, readable_time
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError

_UNBOUNDED: Final = 1_000_000
_REVISIONS: Final = frozenset({"revision", "revisions", "allocated", "pending", "horizon", "result", "undone_by"})


class Output:
    """Renders answers as tables or as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        """Write to stdout, and what is not an answer to stderr."""
        self.as_json = as_json
        # What is read by another program is not folded to the width of a screen that nobody looks at.
        unbounded = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNBOUNDED
        self.console = Console(width=unbounded)
        self.errors = Console(stderr=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], data: object) -> None:
        """Show rows, or ``data`` as JSON; a column whose name begins with ``# `` holds numbers.

        An id is never folded, so that it can be copied; other columns make room for it.
        """
        if self.as_json:
            return self.json(data)
        table = Table(title=Text(title) if title else None, title_justify="left", header_style="bold")
        for column in columns:
            name = column.removeprefix("# ")
            whole = name == "id" or name.endswith(" id")
            table.add_column(name, justify="left" if name == column else "right", overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        return self.console.print(table)

    def fits(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bool:
        """Whether a table of these rows is as wide as the screen at most, without folding a cell."""
        names = [column.removeprefix("# ") for column in columns]
        cells = [names, *([_cell(one).plain for one in row] for row in rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
        return sum(widths) + 3 * len(widths) + 1 <= self.console.width

    def say(self, text: str, data: object) -> None:
        """Say a line, or ``data`` as JSON."""
        if self.as_json:
            self.json(data)
        else:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Say something beside the answer, to stderr."""
        self.errors.print(text, highlight=False, markup=False, soft_wrap=True, style="dim")

    def progress(self) -> Progress:
        """Return a progress bar for people who look, on stderr; it leaves nothing behind."""
        return Progress(console=self.errors, transient=True, disable=not self.errors.is_terminal)

    def json(self, data: object) -> None:
        """Write JSON, in which revisions and times in ns are decimal strings.

        A member that ends in ``_utc`` shows the same time as RFC 3339, null where there is none or no bound.
        """
        sys.stdout.write(self.encoded(data))

    def encoded(self, data: object) -> str:
        """Return what `json` writes."""
        return json.dumps(plain(data), indent=2, ensure_ascii=False) + "\n"

    def error(self, error: BarledgerError, *, warnings: Sequence[str] = ()) -> None:
        """Say what went wrong, with its code and the next step, and warnings that may explain it."""
        if self.as_json:
            told = plain(error) | ({"warnings": list(warnings)} if warnings else {})
            sys.stderr.write(json.dumps(told, ensure_ascii=False) + "\n")
            return
        sys.stderr.writelines(f"warning: {text}\n" for text in warnings)
        head = Text.assemble(("error", "bold red"), f" [{error.code}] {error}")
        self.errors.print(head, highlight=False, soft_wrap=True)
        self.errors.print(f"  next: {error.advice}", markup=False, highlight=False, soft_wrap=True)


def plain(value: Any, name: str = "") -> Any:  # noqa: PLR0911 - one for each kind of value
    """Return a value as JSON knows it."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return str(value) if name in _REVISIONS or is_time(name) else value
        case float():
            return value if isfinite(value) else None
        case bytes():
            return value.hex()
        case Timeframe():
            return value.name
        case Interval():
            return _members({"start": value.start, "end": value.end})
        case BarledgerError():
            return {"error": value.code, "message": str(value), "next_step": value.advice}
        case Mapping():
            return _members({str(key): member for key, member in value.items()})
        case _ if dataclasses.is_dataclass(value):
            return _members({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
        case _:
            return [plain(member, name) for member in value]


def _members(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return members as JSON knows them, and each time once more for people."""
    members: dict[str, Any] = {}
    for name, value in told.items():
        members[name] = plain(value, name)
        if type(value) is int and is_time(name):
            bounded = BEGINNING < value < END_OF_TIME
            members[f"{name}_utc"] = readable_time(name, value) if bounded else None
    return members


def moment(time: int) -> str:
    """Return a time to the second, for people."""
    return format_time(time - time % 1_000_000_000) if time else "-"


def _cell(cell: object) -> Text:
    """Return a cell as text in which brackets mean nothing."""
    match cell:
        case Text():
            return cell
        case None:
            return Text("-")
        case float():
            return Text(f"{cell:,.6f}".rstrip("0").rstrip("."))
        case int() if not isinstance(cell, bool):
            return Text(f"{cell:,}")
        case _:
            return Text(str(cell))
