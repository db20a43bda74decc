"""Wishes: what live indicators are opened for."""

from collections.abc import Sequence
from dataclasses import dataclass

from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import CannotStream
from barledger.indicators.binding import Binder, Request
from barledger.indicators.definition import Policy
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
        return Live(self.request, single=self.single, gap=gap, nan_policy=self.policy)


def wished(specs: str | Sequence[str], instrument: str, timeframe: str, policy: Policy | None) -> Wish:
    """Bind specs; raises `CannotStream` if they cannot go on bar by bar."""
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
