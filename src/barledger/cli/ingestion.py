"""Commands that bring bars in: ingest and follow."""

import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from barledger.barledger import BarLedger
from barledger.cli.codes import exit_code
from barledger.cli.given import needed, pair
from barledger.cli.output import Output, plain
from barledger.cli.progress import ChangesOfState, IngestionBars
from barledger.cli.session import End, Json, Ledger, Reason, Start, Store, library
from barledger.cli.symbols import read_symbols
from barledger.domain.interval import format_time
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidSetting
from barledger.services.ingestion import Budget, IngestionReport
from barledger.services.ingestion.gaps import Gap
from barledger.services.ingestion.plan import Refresh
from barledger.services.ingestion.report import InstrumentReport

_SEVERAL: Final = "Instruments, separated by commas; @file for a file of them, BTC* for known ones."
Instruments = Annotated[str, typer.Argument(help=_SEVERAL, metavar="INSTRUMENT")]
MaybeInstruments = Annotated[str | None, typer.Argument(help=_SEVERAL, metavar="INSTRUMENT", show_default=False)]
Timeframes = Annotated[str | None, typer.Argument(help="A timeframe, e.g. 1d or 1m.", show_default=False)]
From = Annotated[str | None, typer.Option("--source", help="Where the bars come from.", show_default=False)]
Options = Annotated[list[str] | None, typer.Option("--option", help="A source's option, as name=value.")]
OnChange = Annotated[
    str | None, typer.Option(help="apply or propose, what the source changes, this time.", show_default=False)
]


def ingest(
    instruments: MaybeInstruments = None,
    timeframe: Timeframes = None,
    source: From = None,
    start: Start = None,
    end: End = None,
    refresh: Annotated[
        str | None,
        typer.Option(
            help="Ask again for the last so many bars, beside what is new up to now; or for START..END.",
            show_default=False,
        ),
    ] = None,
    on_change: OnChange = None,
    budget_calls: Annotated[
        int | None, typer.Option(help="Ask the source so often at most.", show_default=False)
    ] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Ask for so long at most.", show_default=False)] = None,
    fill_gaps: Annotated[
        bool, typer.Option("--fill-gaps", help="Ask for what is missing in series that there are.")
    ] = False,
    option: Options = None,
    quarantine: Annotated[bool, typer.Option(help="Put invalid bars aside and write the rest.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Fetch bars from a source, and write what is new or changed; exits with an error if an instrument failed."""
    output = Output(as_json=json)
    given: dict[str, Any] = {
        "on_change": on_change,
        "budget": Budget(calls=budget_calls, seconds=budget_seconds),
        "on_invalid": "quarantine" if quarantine else "raise",
        "reason": reason,
        "options": dict(pair(text) for text in option or []),
    }
    bars = IngestionBars(output)
    ended = "interrupted; what was stored is kept, run it again to go on"
    with library(store, ledger) as opened, _interruptible(output, ended), bars.progress:
        if fill_gaps:
            _refuse(fill_gaps=True, start=start, end=end, refresh=refresh)
            gaps = list(_gaps(opened, instruments, timeframe, source))
            done = opened.ingestion.fill_gaps(gaps, progress=bars, **given)
        else:
            name, frame = needed("--source", source), needed("TIMEFRAME", timeframe)
            names = read_symbols(needed("INSTRUMENT", instruments), opened, name)
            asked: dict[str, Any] = {"start": start, "end": end, "refresh": _refresh(refresh)}
            done = opened.ingestion.ingest(names, frame, source=name, progress=bars, **asked, **given)
    _show(output, done)
    if done.failed:
        raise typer.Exit(next((exit_code(one.error) for one in done.failed if one.error is not None), 1))


def follow(
    instruments: Instruments,
    timeframe: Annotated[str, typer.Argument(help="A timeframe, e.g. 1m.")],
    source: Annotated[str, typer.Option(help="Where the bars come from.")],
    start: Start = None,
    until: Annotated[str | None, typer.Option(help="End before bars that open then.", show_default=False)] = None,
    settle: Annotated[
        float | None, typer.Option(help="Ask so many seconds after a bar closes.", show_default=False)
    ] = None,
    count: Annotated[int | None, typer.Option(help="End after so many bars.", min=1, show_default=False)] = None,
    on_change: OnChange = None,
    option: Options = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Store bars as they close, and print each once it is stored; with --json a line of JSON for each."""
    output = Output(as_json=json)
    chosen: Any = on_change
    ended = "interrupted; every bar that was given is stored, run it again to go on"
    with library(store, ledger) as opened, _interruptible(output, ended):
        following = opened.ingestion.follow(
            read_symbols(instruments, opened, source),
            timeframe,
            source=source,
            start=start,
            until=until,
            settle=settle,
            on_change=chosen,
            reason=reason,
            progress=ChangesOfState(output),
            options=dict(pair(text) for text in option or []),
        )
        try:
            for number, bar in enumerate(following, 1):
                if json:
                    sys.stdout.write(json_module.dumps(plain(bar), ensure_ascii=False) + "\n")
                    sys.stdout.flush()
                else:
                    prices = " ".join(f"{value:.10g}" for value in (bar.open, bar.high, bar.low, bar.close))
                    restated = f" (restated: {bar.restatement})" if bar.restatement else ""
                    output.say(f"{format_time(bar.time)} {bar.instrument} {prices} {bar.volume:.10g}{restated}", None)
                if number == count:
                    break
        finally:
            following.close()


@contextmanager
def _interruptible(output: Output, said: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        output.note(said)
        raise


def _show(output: Output, done: IngestionReport) -> None:
    if output.as_json:
        output.json(done)
        return
    if len(done.instruments) > 1:
        columns = ("instrument", "timeframe", "source", "state", "# new", "# changed", "# withdrawn", "# same", "why")
        output.table("", columns, [_row(one) for one in done.instruments], done)
    output.say(done.headline, done)
    if len(done.instruments) == 1:
        _show_one(output, done.instruments[0])
    for one in done.restated:
        word = "a restatement waits for a decision:" if one.state == "proposed" else "restated"
        output.note(f"{one.series}: {word} {one.restatement}")


def _show_one(output: Output, one: InstrumentReport) -> None:
    if one.error is not None:
        output.error(one.error)
    if one.state == "not_done":
        output.say(f"not done: {_left(one)}", None)
    for note in one.notes:
        if one.state == "skipped":
            output.say(f"{one.series}: skipped: {note}", None)
        else:
            output.note(note)


def _row(one: InstrumentReport) -> tuple[object, ...]:
    written, series = one.written, one.series
    told = [f"[{one.error.code}] {one.error}"] if one.error is not None else [*one.proposals]
    if one.state == "not_done" and not told:
        told = [_left(one)]
    why = "; ".join([", ".join(told), *one.notes] if told else one.notes)
    counts = (written.new, written.changed, written.withdrawn, written.same)
    return series.instrument, series.timeframe.name, series.source, one.state.replace("_", " "), *counts, why


def _left(one: InstrumentReport) -> str:
    return f"left {', '.join(map(str, one.left))}"


def _refresh(text: str | None) -> Refresh | None:
    if text is None:
        return None
    if ".." in text:
        start, _, end = text.partition("..")
        return start or None, end or None
    if not text.isdecimal():
        raise InvalidSetting(setting="--refresh", reason=f"{text!r} is neither a number of bars nor START..END")
    return int(text)


def _gaps(opened: BarLedger, instruments: str | None, timeframe: str | None, source: str | None) -> Iterator[Gap]:
    frame = None if timeframe is None else Timeframe.of(timeframe)
    for gap in opened.availability.gaps():
        if not gap.series:
            continue
        series = gap.series[0]
        names = None if instruments is None else read_symbols(instruments, opened, series.source)
        chosen = (names is None or series.instrument in names) and frame in (None, series.timeframe)
        if chosen and source in (None, series.source):
            yield gap


def _refuse(**given: object) -> None:
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InvalidSetting(setting="--fill-gaps", reason=f"it takes no --{named[1]}: the gaps say what is asked for")
