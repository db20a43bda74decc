"""Requests: specs that were bound before are not bound again, as long as the registry is the same."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Final

from barledger.domain.rows import VALUES
from barledger.indicators.binding import Binder, Request, listed
from barledger.indicators.definition import Indicator, Policy
from barledger.indicators.grammar import parse
from barledger.indicators.registry import Registry

COLUMNS: Final = (*VALUES, "adjustment_factor")
_MOST: Final = 1_024


class Requests:
    """Binds specs to the columns of bars. Threads may share it."""

    def __init__(self, registry: Registry) -> None:
        """Look names up in this registry."""
        self._registry = registry
        self._bound: OrderedDict[tuple[object, ...], Request] = OrderedDict()
        self._lock = Lock()

    @property
    def generation(self) -> int:
        """Return how often the registry has changed."""
        return self._registry.generation

    def bound(self, specs: str | Sequence[str], nan_policy: Policy | None) -> Request:
        """Return what specs mean; raises `InvalidSpec` and what else can be wrong with them."""
        key = (self._registry.generation, specs if isinstance(specs, str) else listed(specs), nan_policy)
        found = self._bound.get(key)
        if found is None:
            found = Binder(self._registry, columns=COLUMNS).request(specs, nan_policy=nan_policy)
            with self._lock:
                self._bound[key] = found
                while len(self._bound) > _MOST:
                    self._bound.popitem(last=False)
        return found

    def indicator(self, name: str) -> Indicator:
        """Return the indicator that a name or a spec names; raises `InvalidSpec` and `IndicatorNotFound`."""
        return self._registry.find(parse(name).name)
