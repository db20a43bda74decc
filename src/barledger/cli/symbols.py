"""Symbols: which instruments a command is about, from lists, files and patterns."""

from collections.abc import Iterator
from pathlib import Path

from barledger.barledger import BarLedger
from barledger.errors import InvalidSetting
from barledger.services.symbols import instruments_named, parts_of


def read_symbols(text: str, library: BarLedger, source: str | None) -> list[str]:
    """Return the instruments that a text names, each once.

    They are separated by commas; ``@file`` names a file with one or more in each line (``#`` begins a comment), and a
    pattern such as ``BTC*`` the known instruments that match, of the source or of any. Raises `InvalidSetting`, and
    `SeriesNotFound` if none matches.
    """

    def known() -> list[str]:
        return [one.series.instrument for one in library.cache.series() if source in (None, one.series.source)]

    where = "" if source is None else f" from {source}"
    return list(dict.fromkeys(instruments_named(listed_symbols(text), known, where=where)))


def listed_symbols(text: str) -> list[str]:
    """Return the names and patterns in a text, those of its files too; raises `InvalidSetting`."""
    found = list(dict.fromkeys(_parts(text)))
    if not found:
        raise InvalidSetting(setting="INSTRUMENT", reason="there is no instrument in it")
    return found


def _parts(text: str) -> Iterator[str]:
    for part in parts_of(text):
        if part.startswith("@"):
            for line in _lines(Path(part[1:]).expanduser()):
                yield from parts_of(line.partition("#")[0])
        else:
            yield part


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(setting=f"@{path}", reason=f"it cannot be read: {error}") from error
