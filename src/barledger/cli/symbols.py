"""Symbols: which instruments a command is about, from lists, files and patterns."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from barledger.barledger import BarLedger
from barledger.errors import InvalidSetting, SeriesNotFound

_WILD: Final = frozenset("*?[")


def read_symbols(text: str, library: BarLedger, source: str | None) -> list[str]:
    """Return the instruments that a text names, each once.

    They are separated by commas; ``@file`` names a file with one or more in each line (``#`` begins a comment), and a
    pattern such as ``BTC*`` the known instruments that match, of the source or of any. Raises `InvalidSetting`, and
    `SeriesNotFound` if none matches.
    """
    known = sorted({one.series.instrument for one in library.cache.series() if source in (None, one.series.source)})
    found = [name for part in _parts(text) for name in _named(part, known, source)]
    if not found:
        raise InvalidSetting(setting="INSTRUMENT", reason="there is no instrument in it")
    return list(dict.fromkeys(found))


def _parts(text: str) -> Iterator[str]:
    for part in (part.strip() for part in text.split(",")):
        if part.startswith("@"):
            for line in _lines(Path(part[1:]).expanduser()):
                yield from (name.strip() for name in line.partition("#")[0].split(",") if name.strip())
        elif part:
            yield part


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(setting=f"@{path}", reason=f"it cannot be read: {error}") from error


def _named(part: str, known: list[str], source: str | None) -> list[str]:
    if not set(part) & _WILD:
        return [part]
    matching = [name for name in known if fnmatchcase(name, part)]
    if not matching:
        raise SeriesNotFound(
            series=part if source is None else f"{part} from {source}",
            hint="; a pattern is for instruments that are known already",
        )
    return matching
