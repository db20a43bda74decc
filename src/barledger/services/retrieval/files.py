"""Files of bars: which there are and what they are called, and reading them; `BarsFile` writes them."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import pandas as pd

from barledger.domain.intake import intake
from barledger.domain.rows import VALUES, Rows
from barledger.domain.style import check_style
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidSetting

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "parquet", "arrow"]

FORMATS: Final = get_args(Format)
OWN: Final = "barledger"
ENDINGS: Final = {".csv": "csv", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow"}
_UNUSUAL: Final = re.compile(r"[^\w.+=@-]")
_TIMES: Final = ("time", "date", "datetime", "index", "timestamp")


def format_of(path: Path, *, beside: Sequence[str] = ()) -> Format:
    """Return what a file's ending says; ``beside`` are endings that the caller knows too. Raises `InvalidSetting`."""
    found = ENDINGS.get(path.suffix)
    if found is None:
        *most, last = (".csv", *beside, ".parquet", ".arrow")
        known = f"{', '.join(most)} or {last}"
        reason = (
            f"{path.suffix} is not {known}" if path.suffix else f"{path} has no ending, which says what it is: {known}"
        )
        raise InvalidSetting(setting="file", reason=reason)
    return found  # type: ignore[return-value]


def check_format(kind: str) -> None:
    """Raise `InvalidSetting` if there is no such format."""
    if kind not in FORMATS:
        raise InvalidSetting(setting="format", reason=f"{kind!r} is none of {', '.join(FORMATS)}")


def check_file_style(style: str) -> None:
    """Raise `InvalidSetting` if there is no such style."""
    if style != OWN:
        check_style(style)


def file_name(instrument: str, timeframe: str, kind: Format) -> str:
    """Return a name that every file system takes, and that no two series share."""
    plain = _UNUSUAL.sub("_", instrument)
    if plain != instrument or plain.startswith("."):
        plain = f"{plain.strip('.')}-{instrument.encode().hex()[:32]}"
    # A month and a minute are one name where case does not count.
    frame = "1mo" if timeframe == "1M" else timeframe
    return f"{plain}-{frame}.{kind}"


def read(path: Path, timeframe: Timeframe, style: str) -> Rows:
    """Return the bars of a file that a `BarsFile` is.

    Raises `InvalidSetting` if it cannot be read, and the errors of `domain.intake` for what are no bars.
    """
    try:
        table: Any = _READERS[format_of(path)](path)
    except OSError as error:
        reason = f"{path} cannot be read: {why(error)}"
        raise InvalidSetting(setting="file", reason=reason) from error
    except ValueError as error:
        raise InvalidSetting(setting="file", reason=f"{path} is damaged: {error}") from error
    frame = table.to_pandas()
    label = next((name for name in frame.columns if str(name).lower() in _TIMES), None)
    if label is None:
        raise InvalidSetting(setting="file", reason=f"{path} has no column of times")
    frame = frame.rename(columns={label: "time"})
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    kept = ["time", *(name for name in frame.columns if str(name).lower() in VALUES)]
    own = [name for name in ("adjustment_factor", "source_id") if style == OWN and name in frame.columns]
    frame = frame[[*kept, *own]]
    if frame.empty:
        return intake(frame.iloc[:0], timeframe).rows
    return intake(frame, timeframe).rows


def why(error: OSError) -> str:
    """Return what happened, which Arrow's errors tell by number only."""
    return os.strerror(error.errno) if error.errno else str(error)


def _read_csv(path: Path) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415 - only for files
    from pyarrow import csv  # noqa: PLC0415 - only for files

    # Times are read as text: their zone is theirs to say.
    texts = dict.fromkeys(("time", "Date", "Datetime", "date", "datetime", "source_id"), pa.string())
    options = csv.ConvertOptions(column_types=texts, strings_can_be_null=True)
    return csv.read_csv(path, convert_options=options)


def _read_parquet(path: Path) -> "pa.Table":
    from pyarrow import parquet  # noqa: PLC0415 - only for files

    return parquet.read_table(path)


def _read_arrow(path: Path) -> "pa.Table":
    from pyarrow import feather  # noqa: PLC0415 - only for files

    return feather.read_table(path)


_READERS: Final[Mapping[str, Callable[[Path], "pa.Table"]]] = {
    "csv": _read_csv,
    "parquet": _read_parquet,
    "arrow": _read_arrow,
}
