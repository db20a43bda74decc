"""Commands on what differs: reconcile, and the register of discrepancies."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer

from barledger.barledger import BarLedger
from barledger.cli.codes import exit_code
from barledger.cli.given import needed, pair
from barledger.cli.output import Output, moment
from barledger.cli.proposals import arrows, bar_of, rows_of
from barledger.cli.session import End, Json, Ledger, Reason, Source, Start, Store, library
from barledger.domain.discrepancy import Discrepancy, check_reason
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES
from barledger.errors import BarledgerError, InvalidSetting
from barledger.services.cache.commit import Written
from barledger.services.discrepancies.filter import Filter
from barledger.services.discrepancies.outcomes import Recorded, Undone
from barledger.services.discrepancies.workflow import Decided
from barledger.services.ingestion import Budget
from barledger.services.integrity.report import Comparison, LibraryReport, Report

app = typer.Typer(no_args_is_help=True, help="What sources say otherwise, and what was decided about it.")

_STATES: Final = "open, proposed, accepted, applied, undone, rejected, superseded, waiting or all."
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of discrepancies.", metavar="DISCREPANCY")]
Id = Annotated[str, typer.Argument(help="The id of a discrepancy.", metavar="DISCREPANCY")]
Each = Annotated[bool, typer.Option("--each", help="All that the filters are about.")]
Kind = Annotated[str | None, typer.Option(help="Only of this kind, or glob.", show_default=False)]
Instrument = Annotated[str | None, typer.Option(help="Only of this instrument, or glob.", show_default=False)]
OfTimeframe = Annotated[str | None, typer.Option("--timeframe", help="Only of this one.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why; it has to be given.", show_default=False)]
Confidence = Annotated[float, typer.Option(help="Only from this confidence on.", min=0, max=1)]


def reconcile(
    instrument: Annotated[str | None, typer.Argument(help="An instrument; with --all a glob.")] = None,
    timeframe: Annotated[str | None, typer.Argument(help="A timeframe, e.g. 1d.", show_default=False)] = None,
    source: Source = None,
    against: Annotated[
        list[str] | None, typer.Option(help="Compare with this source instead; may be repeated.", show_default=False)
    ] = None,
    start: Start = None,
    end: End = None,
    everything: Annotated[
        bool, typer.Option("--all", help="A pass over the library: a few blocks of each series.")
    ] = False,
    concurrency: Annotated[int, typer.Option(help="So many series at once, with --all.", min=1)] = 4,
    budget_calls: Annotated[int | None, typer.Option(help="Ask sources so often at most.", show_default=False)] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Ask for so long at most.", show_default=False)] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help="A source's option, as name=value.")] = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Ask sources for held bars again and tell what differs; exits with 5 if something waits for a decision."""
    output = Output(as_json=json)
    budget = Budget(calls=budget_calls, seconds=budget_seconds)
    with library(store, ledger) as opened:
        report: Report
        if everything:
            _refuse(against=against, start=start, end=end)
            if option and source is None:
                wanting = "with --all it needs --source: name the source whose option it is"
                raise InvalidSetting(setting="--option", reason=wanting)
            report = opened.integrity.reconcile_all(
                instrument or "*",
                timeframe,
                source=source,
                budget=budget,
                concurrency=concurrency,
                reason=reason,
                options=dict(pair(text) for text in option or []),
            )
        else:
            report = opened.integrity.reconcile(
                needed("INSTRUMENT", instrument),
                needed("TIMEFRAME", timeframe),
                source=source,
                against=against or None,
                start=start,
                end=end,
                budget=budget,
                reason=reason,
                options=dict(pair(text) for text in option or []),
            )
    _show(output, report)
    if report.failed:
        raise typer.Exit(next(exit_code(one.error) for one in report.failed if one.error is not None))
    if not report.ok:
        raise typer.Exit(_DIFFERS)


@app.command("list")
def list_discrepancies(
    state: Annotated[str, typer.Option(help=_STATES)] = "waiting",
    kind: Kind = None,
    instrument: Instrument = None,
    timeframe: OfTimeframe = None,
    source: Source = None,
    confidence: Confidence = 0.0,
    start: Start = None,
    end: End = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List discrepancies, the newest first."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.integrity.discrepancies(
            state=state,
            kind=kind,
            instrument=instrument,
            timeframe=timeframe,
            source=source,
            confidence=confidence,
            start=start,
            end=end,
        )
    _table(output, found, found)


@app.command()
def show(
    discrepancy: Id,
    limit: Annotated[int, typer.Option(help="Show so many bars at most.", min=0)] = 20,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show a discrepancy: the bars or the event that it would write, whom that concerns, and what was done so far."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.integrity.discrepancy(discrepancy)
    rows = rows_of(found.rows, found.diff)
    data = {
        "discrepancy": found.discrepancy,
        "bars": [bar_of(row) for row in rows[:limit]],
        "bars_in_all": len(rows),
        "action": found.action,
        "events": found.events,
        "would": found.would,
        "touched": found.touched,
        "steps": found.steps,
    }
    columns = ("time", "change", *(f"# {name}" for name in VALUES))
    if found.action is None:
        output.table(str(found.discrepancy), columns, [arrows(row) for row in rows[:limit]], data)
    else:
        output.say(f"{found.discrepancy}\n{found.would}", data)
    if json:
        return
    if found.events:
        output.note(found.would)
    output.note(f"why: {found.discrepancy.reason}")
    for name, value in found.discrepancy.evidence.items():
        if name != "covered":
            output.note(f"{name}: {value}")
    for told in (*found.touched, *found.steps):
        output.note(str(told))


@app.command()
def accept(
    discrepancies: Ids = None,
    each: Each = False,
    kind: Kind = None,
    instrument: Instrument = None,
    timeframe: OfTimeframe = None,
    source: Source = None,
    confidence: Confidence = 0.0,
    reason: Why = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Write what is proposed, each as a new revision, or record the event."""
    wanted = _wanted(discrepancies, each=each, **_given(kind, instrument, timeframe, source, confidence))
    check_reason(reason)
    with library(store, ledger) as opened:
        integrity = opened.integrity
        done = (
            integrity.accept_each(wanted, reason=reason)
            if wanted
            else _decide(opened, discrepancies, lambda one: integrity.accept(one, reason=reason))
        )
    _decided(Output(as_json=json), done)


@app.command()
def reject(
    discrepancies: Ids = None,
    each: Each = False,
    kind: Kind = None,
    instrument: Instrument = None,
    timeframe: OfTimeframe = None,
    source: Source = None,
    confidence: Confidence = 0.0,
    reason: Why = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Leave the bars as they are; the same difference is not proposed again."""
    wanted = _wanted(discrepancies, each=each, **_given(kind, instrument, timeframe, source, confidence))
    check_reason(reason)
    with library(store, ledger) as opened:
        integrity = opened.integrity
        done = (
            integrity.reject_each(wanted, reason=reason)
            if wanted
            else _decide(opened, discrepancies, lambda one: integrity.reject(one, reason=reason))
        )
    _decided(Output(as_json=json), done)


@app.command()
def undo(
    discrepancies: Ids = None,
    each: Each = False,
    kind: Kind = None,
    instrument: Instrument = None,
    timeframe: OfTimeframe = None,
    source: Source = None,
    confidence: Confidence = 0.0,
    partial: Annotated[bool, typer.Option("--partial", help="Leave bars that were written since.")] = False,
    reason: Why = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Restore what stood before an accepted correction, each by another revision; needs a reason."""
    given = _given(kind, instrument, timeframe, source, confidence)
    wanted = _wanted(discrepancies, each=each, state="applied", **given)
    check_reason(reason)
    with library(store, ledger) as opened:
        integrity = opened.integrity
        done = (
            integrity.undo_each(wanted, reason=reason, partial=partial)
            if wanted
            else _decide(opened, discrepancies, lambda one: integrity.undo(one, reason=reason, partial=partial))
        )
    _decided(Output(as_json=json), done)


@app.command()
def rules(
    name: Annotated[str | None, typer.Argument(help="Set or remove this one; without it, list all.")] = None,
    action: Annotated[str, typer.Option(help="accept, quarantine or wait.")] = "accept",
    kind: Annotated[str, typer.Option(help="Which kinds, a glob.")] = "*",
    source: Annotated[str, typer.Option(help="Whose series, a glob.")] = "*",
    confidence: Confidence = 0.95,
    most_bars: Annotated[int | None, typer.Option(help="At most so many bars.", show_default=False)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List, set or remove the rules by which discrepancies are decided without a person; to set one needs a reason."""
    output, chosen, before = Output(as_json=json), action, None
    with library(store, ledger) as opened:
        if remove:
            opened.integrity.remove_rule(needed("NAME", name), reason=reason)
        elif name is not None:
            settled: Any = chosen
            before = next((one for one in opened.integrity.rules() if one.name == name), None)
            opened.integrity.set_rule(
                name,
                action=settled,
                kind=kind,
                source=source,
                confidence=confidence,
                most_bars=most_bars,
                reason=reason,
            )
        known = opened.integrity.rules()
    if before is not None:
        output.note(f"replaced: {before}")
    rows = [(one.name, one.action, one.kind, one.source, one.confidence, one.most_bars) for one in known]
    output.table("", ("rule", "action", "kind", "source", "# confidence", "# bars at most"), rows, known)


_DIFFERS: Final = 5
_REASON: Final = 40
_DATE: Final = 10
_MIDNIGHT: Final = "T00:00:00Z"
_COLUMNS: Final = (
    *("id", "series", "kind", "fields", "# factor", "# bars", "interval", "against", "state"),
    *("# confidence", "made", "why"),
)


def _row(one: Discrepancy) -> tuple[object, ...]:
    against = one.against if one.against not in ("", one.series.source) else ""
    factor = None if one.factor is None else f"{one.factor:.10g}"
    return (
        *(one.id, str(one.series), one.kind, ", ".join(one.fields), factor, one.bars, _days(one.interval), against),
        *(one.state, one.confidence, moment(one.made_at)[:_DATE], _short(one.reason)),
    )


def _listed(found: Sequence[Discrepancy]) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows without those columns in which there is nothing, so that the others have room."""
    rows = [_row(one) for one in found]
    told = [at for at, name in enumerate(_COLUMNS) if name != "against" or any(row[at] for row in rows)]
    return [_COLUMNS[at] for at in told], [[row[at] for at in told] for row in rows]


def _table(output: Output, found: Sequence[Discrepancy], data: object) -> None:
    """Show discrepancies as a table, or where that is too wide for the screen, each in lines of its own."""
    columns, rows = _listed(found)
    if output.as_json or not found or output.fits(columns, rows):
        return output.table("", columns, rows, data)
    return output.say("\n".join(_lines(one) for one in found), data)


def _lines(one: Discrepancy) -> str:
    """Return a discrepancy in three lines: which and how far, of what, and why."""
    factor = "" if one.factor is None else f", times {one.factor:.10g}"
    fields = f" of {', '.join(one.fields)}" if one.fields else ""
    against = f" against {one.against}" if one.against not in ("", one.series.source) else ""
    head = f"{one.id}  {one.state}, {one.kind}{fields}{factor}, confidence {one.confidence:g}"
    about = f"{one.series}{against}, {one.bars:,} bars in {_days(one.interval)}, {moment(one.made_at)[:_DATE]}"
    return f"{head}\n  {about}\n  {_short(one.reason)}"


def _short(reason: str) -> str:
    """Return the beginning of a reason, since a table that folds it is not read; `show` has all of it."""
    reason = reason.replace(_MIDNIGHT, "")
    return reason if len(reason) <= _REASON else f"{reason[:_REASON].rsplit(' ', 1)[0].rstrip(',;:')}…"


def _days(interval: Interval) -> str:
    """Return an interval by its dates, if it begins and ends with a day."""
    text = str(interval)
    return text.replace(_MIDNIGHT, "") if text.count(_MIDNIGHT) == len((interval.start, interval.end)) else text


def _show(output: Output, report: Report) -> None:
    if output.as_json:
        told = {"ok": report.ok, "compared": report.compared, "identical": report.identical,
                "jitter": report.jitter, "decided": report.decided, "calls": report.calls,
                "comparisons": report.comparisons}  # fmt: skip
        if isinstance(report, LibraryReport):
            told |= {"series": report.series, "blocks": report.blocks, "due": report.due, "held": report.held,
                     "next_at": report.next_at}  # fmt: skip
        output.json(told)
        return
    if isinstance(report, LibraryReport) and report.nothing_due:
        output.say(report.nothing_due, None)
        return
    if report.discrepancies:
        _table(output, report.discrepancies, None)
    text = f"{report.compared:,} bars compared, {report.identical:,} identical, {report.jitter:,} jitter"
    text += f", {report.decided:,} corrected before" if report.decided else ""
    output.say(f"{text}, {len(report.discrepancies):,} discrepancies; {report.calls:,} calls", None)
    for one in report.comparisons:
        for note in _notes(one):
            output.note(f"{one.series} against {one.against}: {note}")


def _notes(one: Comparison) -> list[str]:
    told = [*one.notes, *map(str, one.events)]
    if one.error is not None:
        told.append(f"[{one.error.code}] {one.error}")
    if one.state == "not_done":
        told.append("not done: " + (", ".join(map(str, one.left)) or "its turn did not come"))
    if one.revisions:
        told.append(f"applied by rules: {', '.join(map(str, one.revisions))}")
    return told


def _given(
    kind: str | None, instrument: str | None, timeframe: str | None, source: str | None, confidence: float
) -> dict[str, Any]:
    return {
        "kind": kind,
        "instrument": instrument,
        "timeframe": timeframe,
        "source": source,
        "confidence": confidence,
    }


def _wanted(ids: list[str] | None, *, each: bool, state: str = "waiting", **filters: Any) -> Filter | None:
    """Return the filter if that is what was asked for; ids and filters exclude each other."""
    narrowed = any(value is not None and value != 0.0 for value in filters.values())
    if each == bool(ids) or (narrowed and not each):
        reason = "give ids, or --each with filters (--each alone means all that wait)"
        raise InvalidSetting(setting="DISCREPANCY", reason=reason)
    return Filter.of(state=state, **filters) if each else None


def _decide(opened: BarLedger, ids: list[str] | None, decide: Callable[[str], Any]) -> tuple[Decided, ...]:
    """Decide about each by its id; of a single one the error is raised."""
    done: list[Decided] = []
    for one in ids or []:
        opened.integrity.discrepancy(one)  # one that is misspelt is said before anything is decided
    for one in ids or []:
        try:
            written = decide(one)
        except BarledgerError as error:
            if ids is not None and len(ids) == 1:
                raise
            done.append(Decided(discrepancy=opened.integrity.discrepancy(one).discrepancy, error=error))
            continue
        found = opened.integrity.discrepancy(one).discrepancy
        done.append(Decided(discrepancy=found, written=None if isinstance(written, Discrepancy) else written))
    return tuple(done)


def _decided(output: Output, done: tuple[Decided, ...]) -> None:
    if not done:
        output.say("none matches", [])
        return
    rows = [(one.discrepancy.id, str(one.discrepancy.series), one.discrepancy.kind, *_outcome(one)) for one in done]
    columns = ("id", "series", "kind", "state", "# new", "# changed", "# withdrawn", "event", "revision", "why not")
    output.table("", columns, rows, [{"ok": one.ok, "discrepancy": one.discrepancy, "written": one.written,
                                      "error": one.error} for one in done])  # fmt: skip
    error = next((one.error for one in done if one.error is not None), None)
    if error is not None:
        raise typer.Exit(exit_code(error))


def _outcome(one: Decided) -> tuple[object, ...]:
    written, error = one.written, one.error
    counts = (None, None, None, None, "") if written is None else (
        written.new, written.changed, written.withdrawn, _event(written), str(written.revision)
    )  # fmt: skip
    return (one.discrepancy.state, *counts, "" if error is None else f"[{error.code}] {error}")


def _event(written: Written) -> str | None:
    """Return the corporate action that was recorded or withdrawn, if it was one and no bars."""
    action = written.action if isinstance(written, Recorded | Undone) else None
    return None if action is None else f"{action.summary}{', withdrawn' if action.withdrawn else ''}"


def _refuse(**given: object) -> None:
    named = [name for name, value in given.items() if value]
    if named:
        raise InvalidSetting(setting="--all", reason=f"it takes no --{named[0]}")
