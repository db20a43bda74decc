"""Paths to a series: an instrument may have slashes, so the timeframe is the last segment."""

from typing import Annotated, Final

from fastapi import Path
from starlette.convertors import Convertor, register_url_convertor

from barledger.api.schemas.values import NAME, TimeframeName
from barledger.domain.version import VERBS

SERIES: Final = "/{instrument:path}/{timeframe}"
"""How a route ends that is about a series; ``BTC/USDT/1h`` and ``BTC%2FUSDT/1h`` are the same."""

Instrument = Annotated[
    str,
    Path(
        min_length=1,
        max_length=256,
        pattern=NAME,
        description="An instrument in any spelling; a slash may be percent-encoded.",
        examples=["AAPL"],
    ),
]
Timeframe = Annotated[
    TimeframeName, Path(description="How long each bar lasts; m is a minute, M a month.", examples=["1d"])
]


class Named(Convertor[str]):
    """A name, which may have slashes; ``{name:named}`` is none that ends with one of `VERBS`."""

    regex = f"(?!.*/(?:{'|'.join(VERBS)})$).+"

    def convert(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


KINDS: Final = ("batch-indicators", "export", "reconcile", "verify")
"""What stands after ``/jobs/`` where a job is asked for."""


class JobName(Named):
    """A job's id; ``{job_id:job}`` is none of the words behind which jobs are asked for."""

    regex = f"(?!(?:{'|'.join(KINDS)})$)[^/]+"


register_url_convertor("named", Named())
register_url_convertor("job", JobName())
