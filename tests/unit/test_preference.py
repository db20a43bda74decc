"""Of one event that several sources tell, one word counts."""

from typing import Any

from barledger.domain.action import CorporateAction
from barledger.domain.money import converted
from barledger.domain.preference import chosen_others, chosen_payments, chosen_shares
from barledger.domain.timeframe import DAY


def told(kind: str, day: int, value: float = 0.0, source: str = "yahoo", **more: Any) -> CorporateAction:
    return CorporateAction(
        instrument="A",
        ex_date=day * DAY,
        kind=kind,  # type: ignore[arg-type]
        source=source,
        value=value,
        **more,
    )


def paid(*actions: CorporateAction, preferred: tuple[str, ...] = ("vendor",)) -> list[tuple[str, float]]:
    return [(one.source, one.value) for one in chosen_payments(actions, preferred, lambda one: one.value)]


def split(*actions: CorporateAction) -> list[tuple[str, float]]:
    return [(one.source, one.value) for one in chosen_shares(actions, ("vendor",))]


def test_what_a_person_declared_comes_first_then_the_source_of_the_bars_then_the_others_by_name() -> None:
    mine = told("cash_dividend", 5, 0.3, "declared")
    vendor, aaa, zzz = (
        told("cash_dividend", 5, value, name) for name, value in (("vendor", 1), ("aaa", 2), ("zzz", 3))
    )
    assert paid(zzz, aaa, vendor, mine) == [("declared", 0.3)]
    assert paid(zzz, aaa, vendor) == [("vendor", 1)]
    assert paid(zzz, aaa) == [("aaa", 2)]


def test_a_payment_in_two_words_and_in_one_is_the_same_payment() -> None:
    vendor = [told("cash_dividend", 5, 0.08, "vendor"), told("special_dividend", 5, 3.0, "vendor")]
    assert paid(*vendor, told("cash_dividend", 5, 3.08)) == [("vendor", 0.08), ("vendor", 3.0)]


def test_a_stock_dividend_and_a_split_of_one_day_are_one_event_of_two_vendors() -> None:
    assert split(told("stock_dividend", 5, 0.05, "vendor"), told("split", 5, 1.05)) == [("vendor", 0.05)]


def test_the_same_value_a_few_days_away_is_the_same_event_and_another_value_is_not() -> None:
    assert split(told("split", 5, 2.0, "vendor"), told("split", 8, 2.0)) == [("vendor", 2.0)]
    assert split(told("split", 5, 2.0, "vendor"), told("split", 10, 2.0)) == [("vendor", 2.0), ("yahoo", 2.0)]
    assert split(told("split", 5, 2.0, "vendor"), told("split", 8, 3.0)) == [("vendor", 2.0), ("yahoo", 3.0)]
    assert paid(told("cash_dividend", 5, 0.5, "vendor"), told("cash_dividend", 4, 0.501)) == [("vendor", 0.5)]


def test_a_sources_own_words_are_all_believed() -> None:
    assert paid(told("cash_dividend", 5, 0.5), told("cash_dividend", 6, 0.5)) == [("yahoo", 0.5), ("yahoo", 0.5)]


def test_what_was_denied_is_not_there_whoever_tells_it() -> None:
    denied = told("cash_dividend", 5, 0.5, "declared", withdrawn=True, denied=True)
    assert paid(denied, told("cash_dividend", 5, 0.7), told("cash_dividend", 5, 0.5, "vendor")) == []
    assert paid(denied, told("special_dividend", 5, 0.7)) == [("yahoo", 0.7)]


def test_symbol_changes_and_delistings_are_told_once_too() -> None:
    change = [told("symbol_change", 5, source=name) for name in ("yahoo", "vendor")]
    assert [one.source for one in chosen_others([*change, told("delisting", 9)], ("vendor",))] == ["vendor", "yahoo"]


def test_parts_of_a_currency_are_converted_and_others_are_not() -> None:
    assert converted(0.25, of="GBP", to="GBp") == 25.0
    assert converted(25.0, of="GBX", to="GBP") == 0.25
    assert converted(25.0, of="GBX", to="GBp") == 25.0
    assert converted(1.0, of="USD", to="EUR") is None
    assert converted(1.0, of="gbp", to="GBP") is None
