"""Requests: specs that were bound before are not bound again, as long as the registry is the same."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Final

from barledger.indicators.binding import COLUMNS, Binder, Request, listed
from barledger.indicators.definition import Policy
from barledger.indicators.description import Description
from barledger.indicators.frame import check_policy
from barledger.indicators.registry import Registry

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
        """Return what specs mean; raises `InvalidSetting`, `InvalidSpec` and what else can be wrong with them."""
        check_policy(nan_policy)
        if not isinstance(specs, str):
            specs = listed(specs)
        key = (self._registry.generation, specs, nan_policy)
        found = self._bound.get(key)
        if found is None:
            found = Binder(self._registry, columns=COLUMNS).request(specs, nan_policy=nan_policy)
            with self._lock:
                self._bound[key] = found
                while len(self._bound) > _MOST:
                    self._bound.popitem(last=False)
        return found

    def described(self, spec: str) -> Description:
        """Return what is known of what a name or a spec names; raises what `bound` raises."""
        return Description.of_spec(spec, self._registry)
