"""``python -m benchmarks [ROW ...] [--quick]``."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

import pandas as pd

from benchmarks import (
    audit,
    availability,
    embedded,
    indicator_updates,
    indicators,
    influx,
    influx_client,
    machine,
    report,
    retrieval,
    serving,
    volume_profile,
)
from benchmarks.data import QUICK, Sizes
from benchmarks.row import Result

GROUPS: Final[Sequence[ModuleType]] = (
    *(influx, influx_client, embedded, availability, retrieval, audit, indicators, indicator_updates, volume_profile),
    serving,
)
PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    """Run the rows that were asked for; a run of all of them, in full size, writes the page."""
    names = [row.name for group in GROUPS for row in group.ROWS]
    options = _options(names)
    wanted = [name for name in names if not options.rows or any(name.startswith(asked) for asked in options.rows)]
    if not wanted:
        print(f"no such row; there are {', '.join(names)}", file=sys.stderr)
        return 2
    # Ended from outside, servers and folders that were made here go as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # What pandas 3 always does; ArcticDB asks for an earlier one, in which it is a switch.
    pd.options.mode.copy_on_write = True
    facts = machine.facts()
    results = [result for group in GROUPS for result in _run(group, wanted, QUICK if options.quick else Sizes())]
    report.show_notes(results)
    if wanted == names and not options.quick:
        PAGE.parent.mkdir(exist_ok=True)
        report.write(PAGE, results, facts)
    elif options.renew and not options.quick:
        report.renew(PAGE, results)
    return 0


def _options(names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", epilog=f"rows: {' '.join(names)}")
    parser.add_argument("rows", nargs="*", help="rows, or how their names begin; all of them without")
    parser.add_argument("--renew", action="store_true", help="put the rows that were asked for into the page")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the data and few rounds: to see that it runs, not for figures"
    )
    return parser.parse_args()


def _run(group: ModuleType, wanted: Sequence[str], sizes: Sizes) -> list[Result]:
    rows = [row for row in group.ROWS if row.name in wanted]
    if not rows:
        return []
    results = []
    with tempfile.TemporaryDirectory(prefix="barledger-bench-") as folder, group.stage(Path(folder), sizes) as stage:
        for row in rows:
            results.append(Result(row=row, outcome=row.run(stage)))
            report.show(results[-1])
    return results


if __name__ == "__main__":
    sys.exit(main())
