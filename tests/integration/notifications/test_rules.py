"""Rules say who is told what."""

from dataclasses import replace
from typing import Any

import pytest

from barledger import BarLedger
from barledger.errors import ChannelNotFound, ChannelTaken, InvalidSetting, RouteNotFound
from notices import LAG


def test_rules_say_who_is_told_what(bl: BarLedger) -> None:
    heard: dict[str, list[str]] = {"all": [], "bad": [], "apple": []}
    for name, kinds, about, severity in (
        ("all", "*", "*", "info"),
        ("bad", "*_failed", "*", "critical"),
        ("apple", "lag", "AAPL *", "info"),
    ):
        take = heard[name].append
        bl.notifications.add_channel(
            name,
            callback=lambda message, take=take: take(message.notice.kind),
            kinds=kinds,
            about=about,
            severity=severity,  # type: ignore[arg-type]
        )
    bl.notifications.rule("apple", kinds="gap", about="AAPL *")
    for notice in (
        LAG,
        replace(LAG, kind="gap"),
        replace(LAG, about="MSFT 1d from yahoo"),
        replace(LAG, kind="job_failed", severity="warning"),
        replace(LAG, kind="verification_failed", severity="critical"),
    ):
        bl.vault.notify(notice)
    bl.notifications.deliver()
    assert heard["all"] == ["lag", "gap", "lag", "job_failed", "verification_failed"]
    assert heard["bad"] == ["verification_failed"]
    assert heard["apple"] == ["lag", "gap"]
    assert [rule.channel for rule in bl.notifications.rules()] == ["all", "apple", "apple", "bad"]
    (first, second) = [rule for rule in bl.notifications.rules() if rule.channel == "apple"]
    bl.notifications.remove_rule(first.id)
    assert second in bl.notifications.rules()
    with pytest.raises(RouteNotFound):
        bl.notifications.remove_rule(first.id)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"url": ""}, InvalidSetting),
        ({"url": "log:", "kinds": "no_such_kind"}, InvalidSetting),
        ({"url": "log:", "severity": "fatal"}, InvalidSetting),
        ({"url": "log:", "about": ""}, InvalidSetting),
        ({"url": "log:", "timeout": 0}, InvalidSetting),
        ({"url": "log:", "timeout": float("nan")}, InvalidSetting),
        ({"url": "log:", "give_up_after": "soon"}, InvalidSetting),
        ({"url": "log:", "kind": "pigeon"}, InvalidSetting),
        ({"url": "log:", "callback": print}, InvalidSetting),
        ({"url": "file:relative/path"}, InvalidSetting),
        ({"url": "nonsense://T0KEN"}, InvalidSetting),
        ({"url": "https://hook.invalid/T0KEN"}, InvalidSetting),
        ({"url": "https://hook.invalid/T0KEN", "secret": "whsec_T0KEN"}, InvalidSetting),
        ({"url": "env:NOT-A-NAME"}, InvalidSetting),
        ({"url": "env:NOT_SET_HERE"}, InvalidSetting),
    ],
)
def test_what_could_never_be_delivered_is_refused_when_it_is_declared(
    bl: BarLedger, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        bl.notifications.add_channel("desk", **given)
    assert "T0KEN" not in str(refused.value)
    assert bl.notifications.channels() == []
    assert bl.notifications.rules() == []


def test_a_name_is_taken_once_and_unknown_ones_are_told(bl: BarLedger) -> None:
    bl.notifications.add_channel("desk", "log:")
    with pytest.raises(ChannelTaken, match="there is a channel 'desk' already"):
        bl.notifications.add_channel("desk", "log:other")
    for action in (bl.notifications.test, bl.notifications.remove, bl.notifications.resume, bl.notifications.retry):
        with pytest.raises(ChannelNotFound):
            action("nobody")
    with pytest.raises(ChannelNotFound):
        bl.notifications.rule("nobody")
