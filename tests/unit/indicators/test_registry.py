"""The registry: families are loaded once, whatever they define meanwhile, and plug-ins are found."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from barledger.errors import IndicatorNotFound, IndicatorTaken
from barledger.indicators.definition import Indicator, Output, Reach
from barledger.indicators.registry import Registry


def made(name: str, *, owner: str = "plugin", aliases: tuple[str, ...] = ()) -> Indicator:
    return Indicator(
        name=name,
        title=name,
        kind="custom",
        inputs=("close",),
        outputs=(Output(name=name),),
        reach=lambda _: Reach(lookback=0, settled=0, memory="window", exact=True),
        compute=lambda close: (np.array(close),),
        aliases=aliases,
        owner=owner,
    )


def test_a_family_may_define_indicators_while_it_is_loaded() -> None:
    def family() -> Iterator[Indicator]:
        registry.add(made("defined"))
        yield made("given")

    registry = Registry(family)
    assert [one.name for one in registry] == ["defined", "given"]
    assert registry.knows("defined")


def test_replacing_forgets_the_old_names_and_counts_a_generation() -> None:
    registry = Registry()
    registry.add(made("one", aliases=("first",)))
    before = registry.generation
    registry.add(made("one", aliases=("prime",)))
    assert registry.generation == before + 1
    assert registry.find("PRIME").name == "one"
    with pytest.raises(IndicatorNotFound):
        registry.find("first")


@pytest.mark.parametrize(("owner", "options"), [("other", {}), ("barledger", {"replace": True})])
def test_what_is_anothers_stays(owner: str, options: dict[str, Any]) -> None:
    registry = Registry()
    registry.add(made("one", owner=owner))
    with pytest.raises(IndicatorTaken, match=owner):
        registry.add(made("one"), **options)
    with pytest.raises(IndicatorTaken, match=owner):
        registry.add(made("two", aliases=("one",)), **options)
    assert not registry.knows("two")
