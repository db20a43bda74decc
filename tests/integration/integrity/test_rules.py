"""Rules that decide about discrepancies by themselves."""

import pytest

from barledger.barledger import BarLedger
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting, RuleNotFound, SourceNotFound
from discrepancies import _last, corrected, loaded
from integrity import heard, integrity, multiplied
from scripted import SetClock, service


def test_a_rule_accepts_by_itself_and_is_named_everywhere(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50}
    made = integrity(bl, clock, source)
    made.set_rule("small", kind="correction", source="scripted", confidence=0.5, most_bars=3, reason="desk rule")
    report = made.reconcile("A", "1d")
    (one,) = report.discrepancies
    assert (one.state, report.comparisons[0].revisions) == ("applied", (one.result,))
    assert [step.trigger for step in made.discrepancy(one.id).steps[1:]] == ["rule:small"] * 2
    assert "rule small: accept correction from scripted" in _last(bl).reason
    assert [notice.kind for notice in told] == ["correction_applied"]
    assert bl.audit.entries(operation="set-rule")[0].data["reason"] == "desk rule"
    source.markets["A"].corrected = {day * DAY: 9 for day in range(910, 914)}
    (four,) = made.reconcile("A", "1d").discrepancies
    assert four.bars > 3
    assert four.state == "proposed"


def test_the_most_specific_rule_counts(bl: BarLedger, clock: SetClock) -> None:
    made, source, proposal = corrected(bl, clock)
    made.set_rule("all", confidence=0.0, reason="desk rule")
    made.set_rule("not these", action="wait", kind="correction", confidence=0.0, reason="desk rule")
    assert [rule.name for rule in made.rules()] == ["not these", "all"]
    assert made.reconcile("A", "1d").discrepancies[0].state == "proposed"
    source.markets["A"].corrected = {}
    source.markets["A"].rewrite = multiplied(0.5, 0, 995)  # type: ignore[attr-defined]
    assert made.reconcile("A", "1d").discrepancies[0].state == "applied"
    assert made.discrepancy(proposal).discrepancy.state == "superseded"
    made.remove_rule("not these", reason="not needed")
    with pytest.raises(RuleNotFound):
        made.remove_rule("not these")
    for wrong in (
        {"action": "guess"}, {"confidence": 1.5}, {"most_bars": -1}, {"kind": "restatment"}, {"kind": "x*"},
        {"source": "yaho*"}, {"reason": ""},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            made.set_rule("wrong", **{"reason": "desk rule", **wrong})  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="did you mean restatement"):
        made.set_rule("wrong", kind="restatment", reason="desk rule")
    with pytest.raises(SourceNotFound, match="did you mean scripted"):
        made.set_rule("wrong", source="scriptd", reason="desk rule")
    assert [rule.name for rule in made.rules()] == ["all"]


def test_the_log_has_a_rule_as_it_was_and_as_it_became(bl: BarLedger, clock: SetClock) -> None:
    made = integrity(bl, clock, loaded(bl, clock))
    made.set_rule("small", kind="restatement", reason="desk rule")
    made.set_rule("small", kind="unit_*", source="script*", reason="only units")
    first, second = (one.data for one in bl.audit.entries(operation="set-rule"))
    assert "before" not in first
    assert (second["before"]["kind"], second["rule"]["kind"]) == ("restatement", "unit_*")


def test_a_rule_also_decides_about_what_ingestion_may_not_change(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    integrity(bl, clock, source).set_rule("trust", kind="*", confidence=0.0, reason="desk rule")
    source.markets["A"].corrected = {990 * DAY: 5}
    done = service(bl, clock, source).ingest(
        "A", "1d", source="scripted", refresh=20, on_change=ChangePolicy(on_change="propose")
    )
    assert (done.proposed, done.changed, done.ok) == (0, 1, True)
    source.markets["A"].splits.append((995 * DAY, 2.0))
    clock.now += DAY
    done = service(bl, clock, source).ingest(
        "A", "1d", source="scripted", refresh=20, on_change=ChangePolicy(on_change="propose")
    )
    assert (done.proposed, done.held, done.new, done.changed) == (0, 0, 1, 95)
