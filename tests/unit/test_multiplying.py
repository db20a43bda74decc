"""A factor is for columns of bars; what else a finding looked at is none."""

from barledger.services.discrepancies.multiplying import steps_of


def test_prices_take_the_factor_and_volume_its_inverse() -> None:
    assert steps_of(("open", "close", "volume"), 0.5) == {"open": 0.5, "close": 0.5, "volume": 2.0}
    assert steps_of(("volume",), 100.0) == {"volume": 100.0}


def test_events_that_were_looked_at_are_no_columns_of_bars() -> None:
    assert steps_of(("close", "stock_splits", "dividends"), 0.5) == {"close": 0.5}
    assert steps_of(("stock_splits",), 0.5) == {}
