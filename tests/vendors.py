"""Files as vendors write them, and their ingestion by commands."""

from pathlib import Path
from typing import Any

import pandas as pd

from commands import Cli


def written(path: Path, bars: pd.DataFrame) -> Path:
    """Write bars to a CSV file as vendors do."""
    bars.rename_axis("time").to_csv(path)
    return path


def take(cli: Cli, path: Path, instrument: str = "AAPL", *more: str) -> dict[str, Any]:
    """Ingest a file."""
    told: dict[str, Any] = cli.json("ingest", instrument, "1d", "--source", "files", "--option", f"path={path}", *more)
    return told
