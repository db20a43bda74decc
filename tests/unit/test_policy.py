"""Retention policies: what is read, which rule applies, and what is refused."""

from typing import Any

import pytest

from barledger.domain.policy import Policy, Rule, parse_duration
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, HOUR, MINUTE
from barledger.errors import InvalidPolicy

MINUTES = Series.of("BTC/USDT", "1m", "binance")
DAYS = Series.of("AAPL", "1d", "yahoo")


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("5m", 5 * MINUTE),
        ("12h", 12 * HOUR),
        ("90d", 90 * DAY),
        ("2w", 14 * DAY),
        ("18M", 540 * DAY),
        ("7y", 2555 * DAY),
        ("forever", None),
        (None, None),
    ],
)
def test_durations_are_a_number_and_a_unit(text: str | None, duration: int | None) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-1d", "1.5d", "90 d", "90D", "1Y", "90days", 90, True, []])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_a_policy_is_a_list_of_rules() -> None:
    policy = Policy.of(
        [
            {"instrument": "BTC*", "timeframe": "60m", "source": "bin*", "keep_current": "90d", "keep_editions": "7d"},
            {"keep_snapshots": {"backtest": "1y", "approval": "forever", "*": "30d"}},
        ]
    )
    assert policy.rules == (
        Rule(instrument="BTC*", timeframe="1h", source="bin*", keep_current=90 * DAY, keep_editions=7 * DAY),
        Rule(keep_snapshots={"backtest": 365 * DAY, "approval": None, "*": 30 * DAY}),
    )


def test_one_rule_and_a_mapping_with_rules_and_a_policy_are_policies_too() -> None:
    rule = {"timeframe": "1m", "keep_current": "90d"}
    policy = Policy.of([rule])
    assert Policy.of(rule) == Policy.of({"rules": [rule]}) == Policy.of(policy) == policy
    assert Policy.of([]) == Policy(rules=())


def test_the_first_rule_that_matches_applies() -> None:
    policy = Policy.of(
        [
            {"instrument": "BTC-USDT", "keep_current": "1d"},
            {"timeframe": "1m", "keep_current": "2d"},
            {"source": "y*", "keep_current": "3d"},
        ]
    )

    def kept(series: Series) -> int | None:
        rule = policy.rule_for(series)
        return None if rule is None or rule.keep_current is None else rule.keep_current // DAY

    assert kept(MINUTES) == 1
    assert kept(Series.of("ETHUSDT", "1m", "binance")) == 2
    assert kept(DAYS) == 3
    assert kept(Series.of("AAPL", "1d", "desk")) is None


def test_patterns_mind_the_case() -> None:
    assert not Rule(instrument="aapl*").matches(DAYS)
    assert Rule(instrument="[A-F]APL").matches(DAYS)


def test_a_purpose_without_a_duration_has_that_of_the_rest() -> None:
    rule = Rule(keep_snapshots={"approval": None, "*": DAY})
    assert rule.snapshot_duration("backtest") == DAY
    assert rule.snapshot_duration("approval") is None
    assert Rule(keep_snapshots={"backtest": DAY}).snapshot_duration("event") is None


@pytest.mark.parametrize(
    ("config", "rule", "reason"),
    [
        ("90d", "-", "list of rules"),
        (7, "-", "list of rules"),
        ({"rules": "90d"}, "-", "list of rules"),
        ({"rules": [], "keep_current": "90d"}, "-", "keep_current, which nothing would heed"),
        (["90d"], "1", "not a mapping"),
        ([{"keep_current": "90d"}, {"keep": "90d"}], "2", "unknown keys keep"),
        ([{"instrument": "AAPL"}], "1", "keeps everything"),
        ([{"keep_current": "soon"}], "1", "not a duration"),
        ([{"instrument": ["AAPL"], "keep_current": "90d"}], "1", "instrument is one text"),
        ([{"source": None, "keep_current": "90d"}], "1", "source is one text"),
        ([{"keep_editions": 90}], "1", "not a duration"),
        ([{"keep_current": "400y"}], "1", "say forever"),
        ([{"keep_snapshots": "90d"}], "1", "maps a purpose"),
        ([{"keep_snapshots": {"backtest": "long"}}], "1", "not a duration"),
        ([{"timeframe": "1D", "keep_current": "90d"}], "1", "not a timeframe"),
        ([{"instrument": "", "keep_current": "90d"}], "1", "empty"),
    ],
)
def test_a_policy_that_cannot_be_applied_is_refused_with_its_rule(config: Any, rule: str, reason: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.of(config)
    assert caught.value.rule == rule
    assert reason in caught.value.reason
