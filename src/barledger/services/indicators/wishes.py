"""Wishes: what live indicators are opened for."""

from collections.abc import Sequence
from dataclasses import dataclass

from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import CannotStream, InputUnsuitable
from barledger.indicators.binding import Binder, Request
from barledger.indicators.definition import Policy
from barledger.indicators.frame import check_policy
from barledger.indicators.registry import REGISTRY
from barledger.indicators.streaming.history import Gap
from barledger.indicators.streaming.live import Live


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a live object is opened for, bound once; ``single`` if it was one spec as text."""

    request: Request
    single: bool
    policy: Policy | None
    instrument: str
    timeframe: Timeframe

    def live(self, gap: Gap | None = None) -> Live:
        """Return one before the first bar."""
        series = (self.instrument, self.timeframe.name)
        return Live(self.request, single=self.single, gap=gap, nan_policy=self.policy, series=series)


def wished(specs: str | Sequence[str], instrument: str, timeframe: str, policy: Policy | None) -> Wish:
    """Bind specs; raises `CannotStream` if they cannot go on bar by bar, and what else can be wrong with a wish."""
    check_policy(policy)
    if not isinstance(instrument, str):
        raise InputUnsuitable(
            reason=f"a {type(instrument).__name__} is given for the name of an instrument",
            remedy="Go on from a table by barledger.live(specs, table).",
        )
    request = Binder(REGISTRY).request(specs, nan_policy=policy)
    foreign = sorted({column.instrument for column in request.columns if column.instrument})
    if foreign:
        raise CannotStream(
            indicator=", ".join(request.specs),
            reason=f"it needs bars of {', '.join(foreign)} beside those of {instrument}",
            remedy="Open it by `Live.open`, and give bars that have both, such as {'close': …, '@MSFT.close': …}.",
        )
    name, frame = normalise_instrument(instrument), Timeframe.of(timeframe)
    wish = Wish(request=request, single=isinstance(specs, str), policy=policy, instrument=name, timeframe=frame)
    wish.live()
    return wish
