"""How a version is named: one namespace, in which no id can be taken for anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.interval import parse_time
from barledger.domain.version import Version, check_version_id, edition_layer
from barledger.errors import InvalidName, InvalidVersion


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("latest", Version(kind="latest")),
        ("first", Version(kind="first")),
        ("revision:7", Version(kind="revision", number=7)),
        ("revision:1793577600000000001", Version(kind="revision", number=1_793_577_600_000_000_001)),
        ("strategy:momentum-7", Version(kind="strategy", name="momentum-7")),
        ("strategy:revision:7", Version(kind="strategy", name="revision:7")),
        ("2026-11-01T00:00:00Z", Version(kind="time", number=parse_time("2026-11-01"))),
        ("2026-11-01", Version(kind="time", number=parse_time("2026-11-01"))),
        ("2026-11-01 09:30", Version(kind="time", number=parse_time("2026-11-01T09:30Z"))),
        ("2026-11-01T00:00:00.5+01:00", Version(kind="time", number=parse_time("2026-10-31T23:00:00.5Z"))),
        ("before the split", Version(kind="named", name="before the split")),
        ("v1", Version(kind="named", name="v1")),
        ("2026", Version(kind="named", name="2026")),
    ],
)
def test_each_kind_of_version_is_read(text: str, version: Version) -> None:
    assert Version.of(text) == version


@pytest.mark.parametrize(
    "text",
    [
        "LATEST",
        "First",
        "revision:",
        "revision:x",
        "revision:-1",
        "Revision:7",
        "strategy:",
        "edition_1",
        "edition_",
        "EDITION_2",
        "2026-13-01",
        "2026-11-01T25:00:00Z",
        "2026-11-01 or so",
        "2026-11-01-backtest",
    ],
)
def test_what_only_looks_like_a_kind_of_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidVersion) as caught:
        Version.of(text)
    assert caught.value.value == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LATEST", "latest is written in lower case"),
        ("First", "first is written in lower case"),
        ("Revision:7", "revision: is written in lower case"),
        ("revision:x", "no number"),
        ("revision:", "no number"),
        ("revision:9999999999999999999", "no revision has so large a number"),
        ("strategy:", "no strategy is named"),
        ("2026-11-01-backtest", "no time"),
        ("edition_1", "built-in"),
    ],
)
def test_what_is_wrong_with_a_version_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidVersion, match=told):
        Version.of(text)


@pytest.mark.parametrize(
    "text",
    ["latest", "first", "revision:7", "strategy:a", "edition_3", "2026-11-01", "2026-11-01T00:00:00Z", "Latest"],
)
def test_an_id_that_looks_like_another_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidVersion, match="built-in"):
        check_version_id(text)


@pytest.mark.parametrize("text", ["", " ", "a\n", "a\nb", "a\\", "a\x00b", " a", "strategy:a\nb"])
def test_an_id_that_no_store_can_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        Version.of(text)


@given(st.text(max_size=12) | st.from_regex(r"(latest|first|edition_\d|revision:\d+|strategy:.|20\d\d-0\d-0\d.?)"))
def test_an_id_that_is_accepted_is_read_as_itself(text: str) -> None:
    try:
        accepted = check_version_id(text)
    except (InvalidName, InvalidVersion):
        return
    assert accepted == text
    assert Version.of(text) == Version(kind="named", name=text)


@given(st.integers(1, 10**6))
def test_no_id_can_be_a_layer_of_editions(edition: int) -> None:
    with pytest.raises(InvalidVersion):
        check_version_id(edition_layer(edition))
