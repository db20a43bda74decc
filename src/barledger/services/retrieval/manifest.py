"""Manifests: which bars somebody relies on, in a form that another machine can check.

A manifest is JSON with sorted keys and no time of its own, so that the same data give the same bytes. Revisions are
those of the ledger that it names; digests are canonical (see `domain.digest`) and mean the same on every machine. A
missing start or end means that there was no bound.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from barledger.domain.adjustment import Mode, mode_of
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time, parse_time
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.errors import BarledgerError, InvalidManifest, InvalidSetting, ManifestChanged, ManifestNotFound
from barledger.ledger.contract import Pin
from barledger.services.retrieval.indicated import SealedIndicators

LOCK: Final = "barledger/lock/1"
DATASET: Final = "barledger/dataset/1"
EXPORT: Final = "barledger/export/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The bars of one series over an interval at a revision, with their number and their digest (hex)."""

    series: Series
    interval: Interval
    revision: int
    rows: int
    digest: str

    @staticmethod
    def of(pin: Pin) -> "Sealed":
        """Return what a snapshot's pin says."""
        return Sealed(
            series=pin.series,
            interval=pin.interval,
            revision=pin.revision,
            rows=pin.rows,
            digest=(pin.digest or b"").hex(),
        )

    @property
    def told(self) -> dict[str, Any]:
        """Return it as members of JSON."""
        start, end = self.interval.start, self.interval.end
        return {
            "instrument": self.series.instrument,
            "timeframe": self.series.timeframe.name,
            "source": self.series.source,
            "is_adjusted": self.series.is_adjusted,
            "start": None if start == BEGINNING else format_time(start),
            "end": None if end == END_OF_TIME else format_time(end),
            "revision": str(self.revision),
            "rows": self.rows,
            "digest": self.digest,
        }

    @staticmethod
    def read(told: Mapping[str, Any]) -> "Sealed":
        """Read what `told` gave."""
        return Sealed(
            series=Series.of(
                told["instrument"], told["timeframe"], told["source"], is_adjusted=bool(told["is_adjusted"])
            ),
            interval=Interval.of(told["start"], told["end"]),
            revision=int(told["revision"]),
            rows=int(told["rows"]),
            digest=str(told["digest"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedView:
    """The bars of an instrument as they are handed out after adjustment, with their digest (hex)."""

    instrument: str
    timeframe: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SealedAdjustment(Readable):
    """What the bars are adjusted for when they are handed out, by what was known when (ns).

    ``closed`` says that events after the end of the bars are left out, as they are of a snapshot.
    """

    mode: Mode
    known_at: int
    closed: bool
    views: tuple[SealedView, ...]

    @property
    def told(self) -> dict[str, Any]:
        """Return it as members of JSON."""
        return {
            "mode": self.mode,
            "known_at": format_time(self.known_at),
            "closed": self.closed,
            "series": [{name: getattr(one, name) for name in SealedView.__slots__} for one in self.views],
        }

    @staticmethod
    def read(told: Mapping[str, Any]) -> "SealedAdjustment":
        """Read what `told` gave."""
        return SealedAdjustment(
            mode=mode_of(told["mode"]),
            known_at=parse_time(told["known_at"]),
            closed=bool(told["closed"]),
            views=tuple(SealedView(**one) for one in told["series"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """A file of exported bars: whose, how they are written, and the digest of what the file can tell of them."""

    file: str
    instrument: str
    timeframe: str
    style: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What somebody relies on; ``files`` only of an export. Series are in the order of preference.

    ``series`` are what is stored; ``adjustment`` is what is handed out, if that is adjusted, and ``indicators`` what is
    handed out beside it.
    """

    format: str
    ledger: str
    series: tuple[Sealed, ...]
    snapshot: str = ""
    strategy: str = ""
    files: tuple[SealedFile, ...] = ()
    adjustment: SealedAdjustment | None = None
    indicators: SealedIndicators | None = None

    @property
    def digest(self) -> str:
        """Return SHA-256 (hex) over what all bars are, whatever their revisions: the same on every machine."""
        bare: Any = [{name: value for name, value in one.told.items() if name != "revision"} for one in self.series]
        if self.adjustment is not None:
            # When something became known is, like a revision, a matter of one ledger.
            told = {name: value for name, value in self.adjustment.told.items() if name != "known_at"}
            bare = {"series": bare, "adjustment": told}
        if self.indicators is not None:
            bare = {"bars": bare, "indicators": self.indicators.bare}
        return hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON, the same bytes for the same data."""
        told: dict[str, Any] = {
            "format": self.format,
            "ledger": self.ledger,
            "digest": self.digest,
            "series": [one.told for one in self.series],
        }
        told |= {name: getattr(self, name) for name in ("snapshot", "strategy") if getattr(self, name)}
        if self.adjustment is not None:
            told["adjustment"] = self.adjustment.told
        if self.indicators is not None:
            told["indicators"] = self.indicators.told
        if self.files:
            told["files"] = [{name: getattr(one, name) for name in SealedFile.__slots__} for one in self.files]
        return (json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    def save(self, path: str | Path) -> Path:
        """Write the manifest to a file, in one piece; raises `InvalidSetting` if it cannot be written."""
        target = Path(path).expanduser()
        beside = target.with_name(f".{target.name}.new")
        try:
            beside.write_bytes(self.to_bytes())
            beside.replace(target)
        except OSError as error:
            beside.unlink(missing_ok=True)
            reason = f"{target} cannot be written: {error.strerror or error}"
            raise InvalidSetting(setting="manifest", reason=reason) from error
        return target

    @classmethod
    def load(cls, path: str | Path, *formats: str) -> Self:
        """Read a file that `save` wrote.

        Raises `ManifestNotFound`, `InvalidManifest` if it is no manifest of one of these formats, and `ManifestChanged`
        if its digest is not that of its series.
        """
        source = Path(path).expanduser()
        try:
            told = json.loads(source.read_bytes())
        except FileNotFoundError:
            raise ManifestNotFound(file=str(source)) from None
        except OSError as error:
            raise InvalidManifest(reason=f"{source} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            said = "it is not text in UTF-8" if isinstance(error, UnicodeError) else str(error)
            raise InvalidManifest(reason=f"{source} is not JSON: {said}") from error
        try:
            made = cls._read(told)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise InvalidManifest(reason=f"{source} is not a manifest: {_wrong(told, error)}") from error
        if made.format not in formats:
            known = " or ".join(formats)
            raise InvalidManifest(reason=f"{source} has format {made.format!r}, not {known}")
        if told.get("digest") != made.digest:
            raise ManifestChanged(file=str(source))
        return made

    @classmethod
    def _read(cls, told: Mapping[str, Any]) -> Self:
        return cls(
            format=str(told["format"]),
            ledger=str(told["ledger"]),
            series=tuple(Sealed.read(one) for one in told["series"]),
            snapshot=str(told.get("snapshot", "")),
            strategy=str(told.get("strategy", "")),
            files=tuple(SealedFile(**one) for one in told.get("files", ())),
            adjustment=SealedAdjustment.read(told["adjustment"]) if "adjustment" in told else None,
            indicators=SealedIndicators.read(told["indicators"]) if "indicators" in told else None,
        )


def _wrong(told: object, error: Exception) -> str:
    """Say in words what is wrong with a text that cannot be read."""
    if not isinstance(told, Mapping):
        return "it is no JSON object"
    if isinstance(error, BarledgerError):
        return str(error)
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return "something in it is of another kind than what is written there"


def ordered(sealed: Iterable[Sealed]) -> tuple[Sealed, ...]:
    """Return series by instrument and timeframe; those of one keep their order, which is that of preference."""
    return tuple(sorted(sealed, key=lambda one: (one.series.instrument, one.series.timeframe, one.series.is_adjusted)))


def listed(sealed: Sequence[str]) -> str:
    """Return a few of many in words."""
    return "; ".join(sealed[:_SHOWN]) + (f"; and {len(sealed) - _SHOWN} more" if len(sealed) > _SHOWN else "")


_SHOWN: Final = 5
