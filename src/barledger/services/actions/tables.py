"""Tables of corporate actions in CSV: every line is one, and none is taken unless all are good.

| column | |
|---|---|
| ``instrument``, ``kind``, ``ex_date`` | needed: which, one of `declaration.WORDS`, the first date without it |
| ``value`` | new shares per old one of a split (``2``, ``7:1``, ``0.1``, ``1:10``), new shares on top of a stock dividend, the amount per share of a payment |
| ``currency`` | of a payment; without one, it is that of the prices |
| ``symbol`` | the new one of a symbol change |
| ``reason`` | why, for whoever looks later |

The header names the columns, in any order and case; other columns are refused, since a misspelt one would be ignored.
"""  # noqa: E501 - a table

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from barledger.domain.action import CorporateAction
from barledger.errors import ActionsRejected, BarledgerError, InvalidSetting
from barledger.services.actions.declaration import declared

_NEEDED: Final = ("instrument", "kind", "ex_date")
COLUMNS: Final = (*_NEEDED, "value", "currency", "symbol", "reason")


def read_actions(
    path: str | Path, *, source: str, by: str, check: Callable[[CorporateAction], None]
) -> list[CorporateAction]:
    """Return the actions of a file; raises `ActionsRejected`, which names each bad line, and `InvalidSetting`.

    ``check`` raises for an action that cannot be by what is known.
    """
    file = Path(path).expanduser()
    found: list[CorporateAction] = []
    seen: dict[tuple[str, str, int], int] = {}
    wrong: list[str] = []
    for line, header, row in _lines(file):
        if len(row) != len(header):
            cells = f"{len(row)} {'cell' if len(row) == 1 else 'cells'}"
            wrong.append(f"line {line}: it has {cells}, and the header {len(header)}")
            continue
        try:
            action = _action(dict(zip(header, row, strict=True)), source, file.name, line, by)
            check(action)
        except BarledgerError as error:
            wrong.append(f"line {line}: {error}")
            continue
        key = (action.instrument, action.kind, action.ex_date)
        if key in seen:
            wrong.append(f"line {line}: {action.summary} of {action.instrument} is in line {seen[key]} already")
        seen.setdefault(key, line)
        found.append(action)
    if wrong:
        raise ActionsRejected(file=str(file), lines=tuple(wrong))
    return found


def _action(cells: Mapping[str, str], source: str, file: str, line: int, by: str) -> CorporateAction:
    return declared(
        cells["instrument"],
        cells["kind"],
        cells["ex_date"],
        value=cells.get("value") or None,
        currency=cells.get("currency", ""),
        source=source,
        symbol=cells.get("symbol", ""),
        reason=cells.get("reason", ""),
        file=file,
        line=str(line),
        by=by,
    )


def _lines(file: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Give each line's number, the names of the columns, and its cells."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(file, header)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, header, [cell.strip() for cell in row]
    except OSError as error:
        reason = f"{file} cannot be read: {error.strerror or error}"
        raise InvalidSetting(setting="file", reason=reason) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidSetting(setting="file", reason=f"{file} is no CSV in UTF-8: {error}") from error


def _check_header(file: Path, header: list[str]) -> None:
    lacking = [name for name in _NEEDED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    twice = sorted({name for name in header if header.count(name) > 1})
    if lacking or unknown or twice:
        parts = [("lacks", lacking), ("has unknown", unknown), ("repeats", twice)]
        told = " and ".join(f"{what} {', '.join(names)}" for what, names in parts if names)
        raise ActionsRejected(file=str(file), lines=(f"line 1: the header {told}; columns are {', '.join(COLUMNS)}",))
