"""A split that is missed is found beside one that is known, once, and put right."""

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.sources.files import FilesSource
from barledger.stores.memory import MemoryStore
from libraries import library


@pytest.fixture
def right() -> pd.DataFrame:
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.standard_normal(300) * 0.01))
    opened = close * np.exp(random.standard_normal(300) * 0.003)
    high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
    days = pd.bdate_range("2023-01-02", periods=300).strftime("%Y-%m-%d")
    volume = random.integers(1_000_000, 2_000_000, 300) * 1.0
    return pd.DataFrame({"Date": days, "Open": opened, "High": high, "Low": low, "Close": close, "Volume": volume})


def test_a_missed_split_beside_a_known_one_is_found_once_and_put_right(
    right: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wrong = right.copy()
    wrong.loc[:119, ["Open", "High", "Low", "Close"]] *= 2
    wrong.loc[:119, "Volume"] /= 2
    path = tmp_path_factory.mktemp("given") / "A.csv"
    wrong.to_csv(path, index=False)
    with library(MemoryStore()) as bl:
        source = FilesSource(path=str(path), adjustment="splits")
        bl.ingest("A", "1d", source=source)
        bl.actions.add("A", "split", "2023-11-06", value=3, reason="its page says so")
        bl.integrity.inspect("A", "1d", keep=True)
        assert closes(bl)[0] == pytest.approx(2 * right["Close"][0])
        (found,) = bl.integrity.discrepancies()
        assert (found.kind, found.fields) == ("split_missed", ("open", "high", "low", "close", "volume"))
        bl.integrity.accept(found.id, reason="it lacks")
        np.testing.assert_allclose(closes(bl), right["Close"], rtol=1e-12)
        bl.ingest("A", "1d", source=source, refresh=400)
        np.testing.assert_allclose(closes(bl), right["Close"], rtol=1e-12)


def closes(bl: BarLedger) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return bl.bars("A", "1d").rows.close
