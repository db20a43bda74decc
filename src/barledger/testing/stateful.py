"""A stateful test that drives a store and the memory model side by side."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows, concat, tombstones
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.stores.contract import Batch, Store
from barledger.stores.memory import MemoryStore
from barledger.testing.bars import assert_same, rows, series

_SERIES = (series(), series("MSFT"))
_LAYERS = ("latest", "edition_1", "edition_2", "snap")
_DAYS = st.sets(st.integers(0, 40), min_size=1, max_size=12).map(sorted)
_MISSING = st.sampled_from(["open", "volume", "nothing", "adjustment_factor", "source_id"])


class StoreMachine(RuleBasedStateMachine):
    """Subclass it and say how to open a store; ``reopen`` closes it and opens the same place again."""

    def open_store(self) -> Store:
        """Return an empty store."""
        raise NotImplementedError

    def reopen_store(self, store: Store) -> Store:
        """Return the same store, opened again."""
        return store

    def __init__(self) -> None:
        """Begin with two empty stores."""
        super().__init__()
        self.model = MemoryStore()
        self.store = self.open_store()
        self.revision = 1

    @rule(
        of=st.sampled_from(_SERIES),
        layer=st.sampled_from(_LAYERS),
        at=_DAYS,
        seed=st.integers(0, 99),
        missing=_MISSING,
    )
    def write(self, of: Series, layer: str, at: list[int], seed: int, missing: str) -> None:
        """Write bars over whatever is there, one of them with a value missing."""
        self._write(of, layer, self._bars(at, seed, missing, layer))

    @rule(of=st.sampled_from(_SERIES), at=_DAYS)
    def withdraw(self, of: Series, at: list[int]) -> None:
        """Write tombstones."""
        times = np.array(at, np.int64) * DAY
        self._write(
            of,
            "latest",
            tombstones(times).stamped(revision=self.revision, edition=2, withdrawn=np.ones(len(at), np.bool_)),
        )

    @rule(
        of=st.sampled_from(_SERIES), layer=st.sampled_from(_LAYERS), first=st.integers(0, 40), length=st.integers(1, 20)
    )
    def delete(self, of: Series, layer: str, first: int, length: int) -> None:
        """Delete a stretch."""
        self.revision += 1
        stretch = [Interval(first * DAY, (first + length) * DAY)]
        for store in (self.model, self.store):
            store.delete(of, layer, stretch, revision=self.revision)

    @rule()
    def reopen(self) -> None:
        """Close the store and open it again."""
        self.store = self.reopen_store(self.store)

    @invariant()
    def every_layer_is_equal(self) -> None:
        """Compare all layers of all series, bit for bit."""
        for of in _SERIES:
            for layer in _LAYERS:
                found = self.store.read(of, layer, [everything()])
                assert_same(found, self.model.read(of, layer, [everything()]))
            assert_same(
                _ordered(self.store.read_copies(of, [everything()])),
                _ordered(self.model.read_copies(of, [everything()])),
            )

    def teardown(self) -> None:
        """Close the store."""
        self.store.close()

    def _write(self, of: Series, layer: str, given: Rows) -> None:
        self.revision += 1
        for store in (self.model, self.store):
            store.write([Batch(series=of, layer=layer, rows=given)], revision=self.revision)

    def _bars(self, at: list[int], seed: int, missing: str, layer: str) -> Rows:
        n = len(at)
        columns: dict[str, object] = {"superseded_at": np.full(n, self.revision + 5)} if layer != "latest" else {}
        if missing == "source_id":
            columns[missing] = np.array([None, *["x"] * (n - 1)], object)
        elif missing == "adjustment_factor":
            columns[missing] = np.array([*[0.5] * (n - 1), np.nan])
        elif missing != "nothing":
            columns[missing] = np.array([np.nan, *[60.0] * (n - 1)])
        number = int(layer.removeprefix("edition_")) if layer.startswith("edition_") else 1
        return rows([day * DAY for day in at], seed=seed, revision=self.revision, edition=number, **columns)


def _ordered(copies: Rows) -> Rows:
    if not len(copies):
        return concat([])
    return copies.pick(np.lexsort((copies.edition, copies.time)))
