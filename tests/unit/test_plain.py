"""Plain columns have the bits of those that are computed with care, and what is not plain is left to that."""

from dataclasses import replace

import numpy as np
import pytest

from barledger.domain.rows import VALUES
from barledger.errors import BarledgerError, InputMissing
from barledger.indicators.binding import Binder, Request
from barledger.indicators.registry import REGISTRY
from barledger.indicators.relying import Rows
from barledger.indicators.table import Table
from barledger.services.indicators.plain import Plain
from barledger.services.indicators.preparing import Step, computed
from streams import real_table

BARS = 600
TABLE = real_table(BARS)


def asked(*specs: str) -> Request:
    return Binder(REGISTRY, columns=VALUES).request(list(specs))


def outputs_of(name: str) -> list[str]:
    return [output.name for one in REGISTRY if one.name == name for output in one.outputs]


def filled(plain: Plain | None, table: Table, width: int) -> list[np.ndarray] | None:
    columns = [np.zeros(len(table) + 2) for _ in range(width)]
    assert plain is not None
    if not plain.fill(table, columns, slice(1, len(table) + 1)):
        return None
    assert all(column[0] == column[-1] == 0.0 for column in columns)
    return [column[1:-1] for column in columns]


def careful(request: Request, table: Table) -> list[np.ndarray | BarledgerError]:
    rows = Rows(first=0, stop=len(table), begins=True, known=None)
    return list(computed(Step.of(request), table, rows))


def of_columns_alone() -> list[str]:
    found = []
    for name in sorted(one.name for one in REGISTRY):
        try:
            request = asked(name)
        except BarledgerError:
            continue
        if Plain.of(request) is not None:
            found.append(name)
    return found


def test_most_indicators_are_of_columns_alone() -> None:
    assert len(of_columns_alone()) > 200


@pytest.mark.parametrize("name", of_columns_alone())
def test_they_have_the_bits_of_careful_ones(name: str) -> None:
    request = asked(name, f"{name}.{outputs_of(name)[-1]}")
    width = len(request.picks)
    found, wanted = filled(Plain.of(request), TABLE, width), careful(request, TABLE)
    if found is None:
        lookback = max(pick.bound.own.lookback for pick in request.picks.values())
        assert lookback >= BARS or all(isinstance(one, InputMissing) for one in wanted)
        return
    for mine, other in zip(found, wanted, strict=True):
        assert isinstance(other, np.ndarray)
        assert mine.tobytes() == other.tobytes()


def test_each_output_goes_into_the_column_that_it_is_asked_for() -> None:
    request = asked("macd.signal", "bbands(20)", "macd", "macd.signal", "sma(20)")
    found = filled(Plain.of(request), TABLE, len(request.picks))
    assert found is not None
    for mine, other in zip(found, careful(request, TABLE), strict=True):
        assert mine.tobytes() == other.tobytes()  # type: ignore[union-attr]


def test_what_is_computed_from_other_indicators_is_not_plain() -> None:
    assert Plain.of(asked("sma(20)", "sma(rsi(14), 9)")) is None
    assert Plain.of(asked("sma(20)", "session_vwap")) is None


def test_gaps_and_short_series_are_looked_at_closely() -> None:
    plain = Plain.of(asked("sma(20)", "obv"))
    volume = TABLE.columns["volume"].copy()
    volume[100] = np.nan
    holed = Table.of(TABLE.time, {**TABLE.columns, "volume": volume})
    assert filled(plain, holed, 2) is None
    assert filled(plain, Table.of(TABLE.time, TABLE.columns, breaks=np.array([50])), 2) is None
    assert filled(plain, TABLE.part(0, 19), 2) is None
    assert filled(plain, TABLE.part(0, 20), 2) is not None
    assert filled(plain, Table.of(TABLE.time, {"close": TABLE.columns["close"]}), 2) is None


def test_what_raises_is_looked_at_closely() -> None:
    plain = Plain.of(asked("sma(20)"))
    assert plain is not None

    def broken(_: object) -> None:
        raise ValueError

    (one,) = plain.computings
    wrong = Plain(plain.lookback, (replace(one, compute=broken),))
    assert filled(wrong, TABLE, 1) is None
