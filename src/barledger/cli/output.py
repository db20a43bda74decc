"""Output: tables for people, JSON for programs; nothing but the answer goes to stdout."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from barledger.domain.interval import Interval, format_time
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError

_TEXTUAL: Final = frozenset({"revision", "time", "start", "end", "since", "allocated", "pending", "horizon"})


class Output:
    """Renders answers as tables or as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        """Write to stdout, and what is not an answer to stderr."""
        self.as_json = as_json
        self.console = Console()
        self.errors = Console(stderr=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], data: object) -> None:
        """Show rows, or ``data`` as JSON."""
        if self.as_json:
            return self.json(data)
        table = Table(title=title or None, title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(column, justify="right" if column.startswith("#") else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        return self.console.print(table)

    def say(self, text: str, data: object) -> None:
        """Say a line, or ``data`` as JSON."""
        if self.as_json:
            self.json(data)
        else:
            self.console.print(text, highlight=False)

    def note(self, text: str) -> None:
        """Say something beside the answer, to stderr."""
        self.errors.print(text, highlight=False, style="dim")

    def json(self, data: object) -> None:
        """Write JSON, in which revisions and times in ns are decimal strings."""
        sys.stdout.write(json.dumps(plain(data), indent=2, ensure_ascii=False) + "\n")

    def error(self, error: BarledgerError) -> None:
        """Say what went wrong, with its code and the next step."""
        if self.as_json:
            body = {"error": error.code, "message": str(error), "next_step": error.advice}
            sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
            return
        self.errors.print(
            f"[bold red]error[/] [{error.code}]", str(error), markup=True, highlight=False, soft_wrap=True
        )
        self.errors.print(f"  next: {error.advice}", markup=False, highlight=False, soft_wrap=True)


def plain(value: Any, name: str = "") -> Any:  # noqa: PLR0911 - one for each kind of value
    """Return a value as JSON knows it."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return str(value) if name in _TEXTUAL or name.endswith("_at") else value
        case float():
            return value if isfinite(value) else None
        case bytes():
            return value.hex()
        case Timeframe():
            return value.name
        case Interval():
            return {"start": str(value.start), "end": str(value.end)}
        case Mapping():
            return {str(key): plain(member, str(key)) for key, member in value.items()}
        case _ if dataclasses.is_dataclass(value):
            return {field.name: plain(getattr(value, field.name), field.name) for field in dataclasses.fields(value)}
        case _:
            return [plain(member, name) for member in value]


def moment(time: int) -> str:
    """Return a time to the second, for people."""
    return format_time(time - time % 1_000_000_000) if time else "-"


def _cell(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.4f}".rstrip("0").rstrip(".")
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)
