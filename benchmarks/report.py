"""The report: lines in the terminal, and the table of docs/benchmarks.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.row import Result

HEAD: Final = ("work", "against", "aim", "measured", "met", "barledger", "the other")
_INTRODUCTION: Final = """\
# Benchmarks

`make bench` measures these and writes this page. Every row is measured in one run: the contestants take turns, after a
warm-up round, and the ratio is that of the medians (so 2x means half the time). Everything goes through the public
calls, with ledger, digests, checksums and fsync on; both sides are given the same data, and their answers are compared.
The last two columns are least / median / most. ArcticDB asks for pandas 2, in which copying on write is switched on for
both, as it always is in pandas 3. The bars are a random walk in cents with whole volumes, made with a
fixed seed. `python -m benchmarks embedded.read` runs single rows, `--quick` small ones.
"""


def show(result: Result) -> None:
    """Print one row as soon as it is there."""
    row, outcome = result.row, result.outcome
    colour = {"yes": "green", "no": "red"}.get(result.verdict, "yellow")
    told = outcome.missing or " against ".join(filter(None, [outcome.ours, outcome.theirs]))
    Console(highlight=False, soft_wrap=True).print(
        f"[{colour}]{row.name:24}{result.measured:>9}[/]  aim {row.aim!s:10}{told}"
    )


def show_notes(results: Sequence[Result]) -> None:
    """Print what bounds the rows that stay under their aims, and why others did not run."""
    console = Console(highlight=False)
    for line in _notes(results):
        console.print(line, markup=False)


def write(path: Path, results: Sequence[Result], facts: Mapping[str, str]) -> None:
    """Write the page."""
    lines = [_INTRODUCTION, _line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(result)) for result in results]
    notes = _notes(results)
    if notes:
        lines += ["", "## What bounds the others", "", *notes]
    lines += ["", "## The machine", "", *(f"- {name}: {value}" for name, value in facts.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def renew(path: Path, results: Sequence[Result]) -> None:
    """Put rows that were measured by themselves into the page, in the place of what it said of them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for result in results:
        begin = _line(_cells(result)[:2]).removesuffix("|")
        known = [at for at, line in enumerate(lines) if line.startswith(begin)]
        rows = [at for at, line in enumerate(lines) if line.startswith("| ")]
        lines[known[0] if known else rows[-1] + 1 : (known[0] if known else rows[-1]) + 1] = [_line(_cells(result))]
        lines = [line for line in lines if not line.startswith(f"- **{result.row.work}**")]
        notes = next(at for at, line in enumerate(lines) if line == "## The machine") - 1
        lines[notes:notes] = _notes([result])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cells(result: Result) -> list[str]:
    row, outcome = result.row, result.outcome
    return [row.work, row.against, str(row.aim), result.measured, result.verdict, outcome.ours, outcome.theirs]


def _notes(results: Sequence[Result]) -> list[str]:
    notes = []
    for result in results:
        if result.verdict == "no":
            notes.append(f"- **{result.row.work}**: {result.row.bound or 'not known yet'}")
        if result.outcome.missing:
            notes.append(f"- **{result.row.work}**, against {result.row.against}: not run: {result.outcome.missing}")
    return notes


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
