"""How well slices agree with the whole history, for TA-Lib's functions on the sample's bars; as a Markdown table.

``python -m benchmarks.settling [every [values]]`` tries each function at every so manieth bar (default 11) of five shares; so many values of each slice (default 60) are looked at.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Reach
from barledger.indicators.scales import BILLIONTH, tolerance
from barledger.indicators.talib import indicators
from barledger.sources.sample import EARLIER, TICKERS, SampleSource

FOLDER = Path(__file__).parents[1] / ".cache" / "sample"
USED = int(sys.argv[2]) if len(sys.argv) > 2 else 60


@dataclass(slots=True)
class Tally:
    """What was found for a class of functions."""

    functions: list[str] = field(default_factory=list)
    slices: int = 0
    equal: int = 0
    worst: float = 0.0
    of: str = ""


def bars() -> Iterator[dict[str, Floats]]:
    """Give the bars of each share of the sample."""
    source = SampleSource(vintage=EARLIER, folder=FOLDER)
    for ticker in TICKERS:
        frame = source._frame(ticker)  # noqa: SLF001 - all columns as they are, without a library
        names = ("Open", "High", "Low", "Close", "Volume")
        columns = {name.lower(): np.ascontiguousarray(frame[name].to_numpy(np.float64)) for name in names}
        yield columns | {"periods": np.random.default_rng(0).integers(1, 40, len(frame)).astype(np.float64)}


def errors(
    indicator: Indicator, reach: Reach, columns: Mapping[str, Floats], every: int
) -> Iterator[tuple[bool, float]]:
    """Give for each slice whether it has the same bits, and its largest error relative to the output's scale.

    An error of what compares, which is a whole number, counts as one.
    """
    inputs = [columns[name] for name in indicator.inputs]
    wholes = indicator.compute(*inputs, **indicator.defaults)
    for at in range(reach.settled, len(inputs[0]) - USED, every):
        relied = [one[at - reach.settled : at + USED] for one in inputs]
        parts = indicator.compute(*relied, **indicator.defaults)
        equal, worst = True, 0.0
        for output, whole, part in zip(indicator.outputs, wholes, parts, strict=True):
            one, other = whole[at : at + USED], part[reach.settled :]
            if np.array_equal(one, other, equal_nan=True):
                continue
            equal, apart = False, np.abs(one - other)
            scale = tolerance(indicator, output, one, relied) / BILLIONTH if output.scale != "tie" else np.ones(USED)
            worst = max(worst, float(np.nanmax(apart[apart > 0] / scale[apart > 0], initial=0.0)))
        yield equal, worst


def main(every: int) -> None:
    """Print the table."""
    shares = list(bars())
    tallies: dict[tuple[str, bool], Tally] = defaultdict(Tally)
    for indicator in indicators():
        reach = indicator.reach(indicator.defaults)
        tally = tallies[reach.memory, reach.exact]
        tally.functions.append(indicator.name)
        if reach.memory in ("path", "index"):
            continue
        for columns in shares:
            for equal, error in errors(indicator, reach, columns, every):
                tally.slices += 1
                tally.equal += equal
                if error > tally.worst:
                    tally.worst, tally.of = error, indicator.name
    print("| memory | exact | functions | slices | same bits | largest error |")
    print("|---|---|---:|---:|---:|---|")
    for (memory, exact), tally in sorted(tallies.items()):
        worst = f"{tally.worst:.0e} ({tally.of})" if tally.worst else "0" if tally.slices else "from its anchor on: 0"
        said = "yes" if exact else "no"
        print(f"| {memory} | {said} | {len(tally.functions)} | {tally.slices:,} | {tally.equal:,} | {worst} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
