"""The command that looks at series by themselves, without their sources."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import typer

from barledger.barledger import BarLedger
from barledger.cli.output import Output
from barledger.cli.session import End, Json, Ledger, Reason, Source, Start, Store, Version, library
from barledger.domain.finding import CERTAIN, Finding
from barledger.domain.interval import format_time
from barledger.domain.series import normalise_instrument
from barledger.errors import InvalidSetting
from barledger.services.integrity.inspection import Inspection

_FOUND: Final = 5
_LIKELY: Final = 0.5
_COLUMNS: Final = ("series", "kind", "fields", "start", "end", "# factor", "# confidence", "rule")


def inspect(
    instrument: Annotated[str, typer.Argument(help="An instrument.")],
    timeframe: Annotated[
        str | None, typer.Argument(help="A timeframe; without it, all that are held.", show_default=False)
    ] = None,
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    confidence: Annotated[
        float | None,
        typer.Option(
            help="Only from this confidence on; by default 0.5, and 0.95 of what is proposed.",
            min=0,
            max=1,
            show_default=False,
        ),
    ] = None,
    propose: Annotated[bool, typer.Option("--propose", help="Keep the findings, for a decision.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Tell what looks wrong in a series by itself, without its source; exits with 5 if anything does.

    What was proposed is shown, accepted and rejected by `barledger discrepancies`.
    """
    output = Output(as_json=json)
    if reason and not propose:
        raise InvalidSetting(setting="--reason", reason="it goes with --propose: to look changes nothing")
    asked = {"start": start, "end": end, "version": version, "keep": propose, "reason": reason}
    least = _LIKELY if confidence is None else confidence
    with library(store, ledger) as opened:
        kept = CERTAIN if confidence is None else confidence
        made = [
            opened.integrity.inspect(instrument, frame, source=whose, confidence=kept, **asked)  # type: ignore[arg-type]
            for frame, whose in _wanted(opened, instrument, timeframe, source)
        ]
    told = [(one, [each for each in one.findings if each.confidence >= least]) for one in made]
    _show(output, told)
    if any(findings for _, findings in told):
        raise typer.Exit(_FOUND)


def _wanted(
    opened: BarLedger, instrument: str, timeframe: str | None, source: str | None
) -> Iterable[tuple[str, str | None]]:
    """Give the timeframes, and of each whose bars; without a timeframe, all that are held."""
    if timeframe is not None:
        return [(timeframe, source)]
    listed = opened.vault.ledger.catalog.series(instrument=normalise_instrument(instrument))
    held = [(one.timeframe.name, one.source) for one in listed if not one.is_adjusted and source in (None, one.source)]
    # Where there is nothing, the service says so, and what there is instead.
    return held or [("1d", source)]


def _show(output: Output, told: list[tuple[Inspection, list[Finding]]]) -> None:
    if output.as_json:
        output.json([_data(one, findings) for one, findings in told])
        return
    rows = [row for one, findings in told for row in _rows(one, findings)]
    if rows:
        output.table("", _COLUMNS, rows, None)
    for one, findings in told:
        left = len(one.findings) - len(findings)
        more = f", {left:,} less likely" if left else ""
        output.say(f"{one.series}: {len(findings):,} findings in {one.rows:,} bars{more}", None)
        for kept in one.discrepancies:
            how = "proposed" if kept.proposal else kept.state
            output.note(f"{kept.id}: {kept.kind} in {kept.interval} ({how})")


def _rows(one: Inspection, findings: Iterable[Finding]) -> Iterator[tuple[object, ...]]:
    for found in findings:
        factor = None if found.factor is None else f"{found.factor:.10g}"
        span = (format_time(found.interval.start), format_time(found.interval.end))
        yield str(one.series), found.kind, ", ".join(found.fields), *span, factor, found.confidence, found.rule


def _data(one: Inspection, findings: list[Finding]) -> dict[str, Any]:
    return {
        "series": one.series,
        "interval": one.interval,
        "revision": one.revision,
        "rows": one.rows,
        "ok": not findings,
        "findings": findings,
        "less_likely": len(one.findings) - len(findings),
        "discrepancies": one.discrepancies,
    }
