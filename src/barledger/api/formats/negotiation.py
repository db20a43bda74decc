"""Negotiation: ``?format=`` decides, else the header Accept, else JSON."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from barledger.api.formats.arrow import Arrow
from barledger.api.formats.contract import Format
from barledger.api.formats.csv import Csv
from barledger.api.formats.json import Json
from barledger.api.formats.ndjson import Ndjson
from barledger.api.formats.parquet import Parquet
from barledger.api.problems import HttpProblem

FormatName = Literal["json", "csv", "ndjson", "arrow", "parquet"]
FORMATS: Final[Mapping[str, Format]] = {one.name: one for one in (Json(), Csv(), Ndjson(), Arrow(), Parquet())}
assert tuple(FORMATS) == get_args(FormatName)  # noqa: S101 - two lists of one thing

_MEDIA: Final = {media: one for one in FORMATS.values() for media in (one.media_type, *one.also)}


def choose(accept: str | None, named: str | None) -> Format:
    """Return the format that a client wants most; raises `HttpProblem` 406 if there is none that it takes."""
    if named is not None:
        return FORMATS[named]
    for media in _preferred(accept or "*/*"):
        if media in _MEDIA:
            return _MEDIA[media]
        main, _, sub = media.partition("/")
        if sub == "*":
            found = next((one for one in FORMATS.values() if main in ("*", one.media_type.partition("/")[0])), None)
            if found is not None:
                return found
    known = ", ".join(one.media_type for one in FORMATS.values())
    step = f"Accept one of {known}, or name one by ?format={'|'.join(FORMATS)}."
    raise HttpProblem(406, "not-acceptable", "none of the formats that are accepted can be had", step)


def _preferred(accept: str) -> list[str]:
    """Return media types by their quality, those named first before others of the same; without those refused."""
    rated: list[tuple[float, str]] = []
    for one in accept.split(","):
        media, *parameters = (part.strip().casefold() for part in one.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        try:
            rated.append((float(quality), media))
        except ValueError:
            continue
    return [media for quality, media in sorted(rated, key=lambda pair: -pair[0]) if quality > 0]
