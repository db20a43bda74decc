"""Indicators of other distributions: found by their entry point, and first class; what is wrong with one is said."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLUGIN = '''
"""An indicator that a function is, and several that a function gives."""
import numpy as np
import barledger
from barledger.indicators.definition import Indicator, Output, Reach


@barledger.indicator(warmup=lambda p: p.back, exact=True)
def rise(close, *, back: int = 3):
    found = np.full(len(close), np.nan)
    found[back:] = close[back:] - close[:-back]
    return found


def several():
    yield Indicator(
        name="NAME", title="Twice", kind="custom", inputs=("close",), outputs=(Output(name="twice"),),
        reach=lambda _: Reach(lookback=0, settled=0, memory="window", exact=True),
        compute=lambda close: (close * 2.0,), owner="desk_indicators",
    )
'''
USE = """
import json, warnings
import numpy as np, pandas as pd
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as said:
    import barledger
    times = pd.date_range("2020-01-01", periods=50, tz="UTC")
    close = 100.0 + np.arange(50)
    frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1.0}, index=times)
    with barledger.connect("memory:") as bl:
        bl.write("A", "1d", frame, source="x")
        found = bl.indicators.calculate(SPECS, "A", "1d", start=times[40])
        live = bl.indicators.stream(SPECS, "A", "1d")
        described = bl.indicators.describe(NAME).as_dict()
        told = {
            "values": {name: found.values(name).tolist() for name in found.columns},
            "live": live.values,
            "owner": described["owner"],
            "listed": NAME in [one.name for one in bl.indicators.list("custom")],
            "engines": found.provenance["engines"],
        }
told["warnings"] = [f"{type(one.message).__name__}: {one.message}" for one in said]
print(json.dumps(told))
"""


def installed(folder: Path, *, module: str = PLUGIN, name: str = "twice", points: str | None = None) -> None:
    """Install a distribution the way that installers do: its module, and what it offers."""
    (folder / "desk_indicators.py").write_text(module.replace("NAME", name))
    told = folder / "desk_indicators-1.5.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: desk-indicators\nVersion: 1.5\n")
    offered = "rise = desk_indicators:rise\nothers = desk_indicators:several\n" if points is None else points
    (told / "entry_points.txt").write_text(f"[barledger.indicators]\n{offered}")


def use(folder: Path, specs: list[str], name: str) -> dict[str, Any]:
    script = USE.replace("SPECS", repr(specs)).replace("NAME", repr(name))
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
def test_what_is_installed_is_first_class(tmp_path: Path) -> None:
    installed(tmp_path)
    told = use(tmp_path, ["rise(5)", "sma(rise, 4)", "twice"], "rise")
    doubled = [280.0 + 2 * at for at in range(10)]
    assert told["values"] == {"rise(5)": [5.0] * 10, "sma(rise, 4)": [3.0] * 10, "twice": doubled}
    assert told["live"] == {"rise(5)": 5.0, "sma(rise, 4)": 3.0, "twice": 298.0}
    assert told["owner"] == "desk_indicators.rise"
    assert told["listed"]
    assert told["warnings"] == []


@pytest.mark.slow
def test_what_cannot_be_imported_is_said_and_stops_no_other(tmp_path: Path) -> None:
    installed(tmp_path, points="broken = nowhere_at_all:it\nrise = desk_indicators:rise\n")
    told = use(tmp_path, ["rise(5)", "sma(3)"], "rise")
    assert told["values"]["rise(5)"] == [5.0] * 10
    (said,) = told["warnings"]
    assert said.startswith("PluginFailed: broken of desk-indicators offers no indicator: ModuleNotFoundError")


@pytest.mark.slow
def test_a_name_that_is_taken_stays_whose_it_is(tmp_path: Path) -> None:
    installed(tmp_path, name="sma")
    told = use(tmp_path, ["sma(3)", "rise"], "rise")
    assert told["values"]["sma(3)"] == [139.0 + at for at in range(10)]
    (said,) = told["warnings"]
    assert said.startswith("PluginFailed: others of desk-indicators offers no indicator: IndicatorTaken")
