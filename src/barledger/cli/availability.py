"""Commands on what is there and what is missing: availability and gaps."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from barledger.cli.data import Instrument, Timeframe
from barledger.cli.output import Output, moment
from barledger.cli.session import End, Json, Ledger, Reason, Source, Start, Store, library
from barledger.domain.interval import format_time
from barledger.services.availability import Availability, Cell, Missing

_PIPED: Final = 80
_MARKS: Final = {"whole": "█", "most": "▓", "some": "▒", "few": "░", "none": "·", "excused": "-"}
_PLAIN: Final = {"whole": "#", "most": "+", "some": "=", "few": ":", "none": ".", "excused": "-"}
_STYLES: Final = {"whole": "green", "none": "red", "excused": "dim"}
_PARTLY: Final = "yellow"


def availability(
    instrument: Instrument,
    timeframe: Timeframe,
    source: Source = None,
    start: Start = None,
    end: End = None,
    fields: Annotated[
        str | None, typer.Option("--fields", help="Fields that every bar must have, separated by commas.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Read every bar instead of counting.")] = False,
    limit: Annotated[int, typer.Option(help="Show so many missing stretches, the longest.", min=0)] = 20,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show which bars are there, and why others are missing.

    Without a start from the first bar on, without an end until now; neither a closed market nor a bar that has not
    closed is missing.
    """
    output = Output(as_json=json)
    required = [name.strip() for name in (fields or "").split(",") if name.strip()]
    with library(store, ledger) as opened:
        found = opened.availability.check(
            instrument, timeframe, start=start, end=end, source=source, required_fields=required, exact=exact
        )
        cells = () if json else opened.availability.strip(found, cells=_width(output))
    if json:
        return output.json(_told(found))
    output.say(_headline(found), None)
    if cells:
        output.console.print(_strip(cells), soft_wrap=True)
        output.say(_axis(cells), None)
    _show_missing(output, found, limit)
    for name, count in found.fields.items():
        output.say(f"{name}: {'in every bar' if not count else f'{count:,} bars lack it'}", None)
    _note_assumption(output, [found])
    return None


def gaps(
    instrument: Annotated[str, typer.Argument(help="Only these: an instrument or a glob.", show_default=False)] = "*",
    timeframe: Annotated[str | None, typer.Option(help="Only of this timeframe.", show_default=False)] = None,
    source: Source = None,
    start: Start = None,
    end: End = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget instead the failures of series of which nothing was ever obtained.")
    ] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List what is incomplete in the whole library, the worst first.

    Those with holes come first; behind them those that only end early, as a history that nobody goes on with does. What
    is behind does not count as missing.
    """
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        if forget:
            gone = opened.ingestion.forget(instrument, timeframe=timeframe, source=source, reason=reason)
            return output.say(f"forgotten: {', '.join(map(str, gone)) or 'nothing'}", {"forgotten": gone})
        found = opened.availability.gaps(
            instrument=instrument, timeframe=timeframe, source=source, start=start, end=end
        )
    if json:
        rows = [_told(one) for one in found]
        return output.json({"checked": found.checked, "gaps": rows, "undecided": found.undecided})
    columns = (
        "instrument",
        "timeframe",
        "source",
        "there",
        "# found",
        "# missing",
        "# behind",
        "longest",
        "why",
        "calendar",
    )
    output.table("", columns, [_gap(one) for one in found], None)
    for one in found.undecided:
        output.note(f"{one}{f'; barledger gaps {one.instrument} --forget' if one.failed else ''}")
    output.note(f"{len(found):,} of {found.checked:,} are incomplete")
    _note_assumption(output, found.rows)
    return None


# --- in words --------------------------------------------------------------------------------------


def _headline(found: Availability) -> str:
    verdict = "complete" if found.complete else _percent(found.ratio)
    return f"{found} ({verdict})"


def _percent(ratio: float) -> str:
    """Return a share in percent; what is not whole is never rounded up to it."""
    return f"{min(ratio * 100, 99.99) if ratio < 1 else 100:.4g} %"


def _gap(one: Availability) -> tuple[object, ...]:
    holes = one.missing[:-1] if one.inner and one.behind else one.missing
    worst = max((hole for hole in holes if not hole.excused), key=lambda hole: hole.bars, default=None)
    return (
        one.instrument,
        one.timeframe.name,
        _sources(one),
        _percent(one.ratio),
        one.found,
        one.inner,
        one.behind or None,
        None if worst is None else f"{worst.bars:,} from {moment(worst.interval.start)}",
        _reasons(one),
        f"{one.calendar} (assumed)" if one.assumed else one.calendar,
    )


def _reasons(one: Availability) -> str:
    failure = next((hole.detail for hole in one.missing if hole.reason == "fetch_failed"), "")
    said = {"fetch_failed": f" ({failure})"} if failure and not one.found else {}
    return ", ".join(f"{count:,} {reason}{said.get(reason, '')}" for reason, count in one.reasons.items())


def _show_missing(output: Output, found: Availability, limit: int) -> None:
    longest = sorted(found.missing, key=lambda one: -one.bars)[:limit]
    if not longest:
        return
    rows = [_row(one) for one in sorted(longest, key=lambda one: one.interval)]
    output.table("", ("from", "to", "# bars", "why", "detail", "source"), rows, None)
    left = len(found.missing) - len(longest)
    if left:
        output.note(f"{left:,} shorter stretches are not shown (--limit)")


def _row(one: Missing) -> tuple[object, ...]:
    ends = (format_time(one.interval.start), format_time(one.interval.end))
    return (*ends, one.bars, one.reason, one.detail or None, one.source or None)


def _note_assumption(output: Output, found: Sequence[Availability]) -> None:
    names = list(dict.fromkeys(one.instrument for one in found if one.assumed))
    if names:
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        shown = ", ".join(names[:3])
        output.note(
            f"nobody said when {shown}{more} trades, so that 24/7 is assumed; of an exchange: "
            f"barledger instruments declare {names[0]} --calendar XNYS"
        )


def _sources(found: Availability) -> str:
    return " > ".join(series.source for series in found.series)


# --- as a strip ------------------------------------------------------------------------------------


def _width(output: Output) -> int:
    return max(min(output.console.width, 1_000) - 1, 1) if output.console.width < 100_000 else _PIPED


def _strip(cells: Sequence[Cell]) -> Text:
    marks = _MARKS if _can_show(_MARKS) else _PLAIN
    text = Text()
    for cell in cells:
        state = _state(cell)
        text.append(marks[state], _STYLES.get(state, _PARTLY))
    return text


def _state(cell: Cell) -> str:
    if cell.share is None:
        return "excused"
    if cell.share in (0, 1):
        return "whole" if cell.share else "none"
    return "most" if cell.share >= 2 / 3 else "some" if cell.share >= 1 / 3 else "few"


def _axis(cells: Sequence[Cell]) -> str:
    """Return the times of both ends below the strip, if there is room for two."""
    first, last = (moment(at) or format_time(at) for at in (cells[0].interval.start, cells[-1].interval.end))
    room = len(cells) - len(first) - len(last)
    return f"{first}{' ' * room}{last}" if room > 0 else f"{first} to {last}"


def _can_show(marks: dict[str, str]) -> bool:
    try:
        "".join(marks.values()).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# --- as JSON ---------------------------------------------------------------------------------------


def _told(found: Availability) -> dict[str, Any]:
    return {
        "instrument": found.instrument,
        "timeframe": found.timeframe.name,
        "sources": [series.source for series in found.series],
        "interval": found.interval,
        "calendar": found.calendar,
        "calendar_origin": found.calendar_origin,
        "complete": found.complete,
        "ratio": found.ratio,
        "expected": found.expected,
        "found": found.found,
        "behind": found.behind,
        "reasons": found.reasons,
        "present": found.present,
        "missing": found.missing,
        "fields": found.fields,
    }
