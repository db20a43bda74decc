"""Descriptions: what is known of an indicator, for people."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from barledger.indicators.binding import COLUMNS, Binder, Bound, Column
from barledger.indicators.definition import BUILT_IN, Indicator, Reach
from barledger.indicators.grammar import parse
from barledger.indicators.parameter import Parameter, Value
from barledger.indicators.registry import REGISTRY, Registry
from barledger.indicators.scales import agreements


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an indicator takes, gives and means.

    ``reach`` is how far it looks back: with its usual parameters, or as it is ``bound`` by a spec, through all that it
    is computed from.
    """

    indicator: Indicator
    reach: Reach
    bound: Bound | None = None

    @staticmethod
    def of(indicator: Indicator) -> "Description":
        """Describe an indicator."""
        return Description(indicator=indicator, reach=indicator.reach(indicator.defaults))

    @staticmethod
    def of_spec(spec: str, registry: Registry = REGISTRY) -> "Description":
        """Describe an indicator by its name, or with what a spec gives it; raises what binding the spec raises."""
        call = parse(spec)
        if call.arguments is None and not call.output:
            return Description.of(registry.find(call.name))
        bound = next(iter(Binder(registry, columns=COLUMNS).request(spec).picks.values())).bound
        return Description(indicator=bound.indicator, reach=bound.reach, bound=bound)

    @property
    def name(self) -> str:
        """Return its name."""
        return self.indicator.name

    @property
    def call(self) -> str:
        """Return the spec with every parameter, as it is given or else by default."""
        if self.bound is not None:
            return self.bound.key
        given = ", ".join(f"{one.name}={_shown(one.default)}" for one in self.indicator.parameters)
        return f"{self.name}({given})" if given else self.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return what it is computed from."""
        if self.bound is None:
            return self.indicator.inputs
        return tuple(one.spelled if isinstance(one, Column) else one.key for one in self.bound.inputs)

    @property
    def values(self) -> Mapping[str, Value]:
        """Return its parameters, as they are given or else by default."""
        return self.indicator.defaults if self.bound is None else self.bound.parameters

    @property
    def agreement(self) -> str:
        """Return to what a settled slice agrees with the whole history."""
        if self.reach.exact:
            return "to the bit"
        return agreements(self.indicator) if self.bound is None else "; ".join(dict.fromkeys(self.bound.agreements))

    def as_dict(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        one = self.indicator
        return {
            "name": one.name,
            "spec": self.call,
            "title": one.title,
            "kind": one.kind,
            "aliases": list(one.aliases),
            "inputs": list(self.inputs),
            "parameters": [_parameter(it, self.values[it.name]) for it in one.parameters],
            "outputs": [{"name": it.name, "aliases": list(it.aliases), "note": it.note} for it in one.outputs],
            "formula": one.formula,
            "convention": one.convention,
            "reference": one.reference,
            "warmup": {
                "lookback": self.reach.lookback,
                "settled": self.reach.settled,
                "memory": self.reach.memory,
                "exact": self.reach.exact,
                "agreement": self.agreement,
            },
            "nan_policy": one.policy,
            "streaming": _streams(one),
            "owner": one.owner,
        }

    def __str__(self) -> str:
        """Say it in lines."""
        one = self.indicator
        lines = [f"{one.name}: {one.title} ({one.kind})", "", f"  spec        {self.call}"]
        lines += [f"  also        {', '.join(one.aliases)}"] if one.aliases else []
        lines += [f"  inputs      {', '.join(self.inputs) or '(times)'}"]
        lines += _listed("parameters", [_told(it, self.values[it.name]) for it in one.parameters])
        lines += _listed("outputs", [_output(it.name, it.aliases, it.note) for it in one.outputs])
        lines += [f"  {label:<11} {text}" for label, text in self._texts if text]
        return "\n".join(lines)

    @property
    def _texts(self) -> list[tuple[str, str]]:
        one, reach = self.indicator, self.reach
        same = "the same bits" if reach.exact else self.agreement
        if reach.memory in ("path", "index"):
            warm = f"from an anchor on, then {reach.settled:,} bars"
        else:
            warm = (
                f"{reach.lookback:,} bars to the first value, {reach.settled:,} to that of the whole history ({same})"
            )
        return [
            ("formula", one.formula),
            ("convention", one.convention),
            ("reference", one.reference),
            ("memory", reach.memory),
            ("warm-up", warm),
            ("gaps", one.policy),
            ("streaming", "yes" if _streams(one) else "no"),
            ("by", one.owner),
        ]

    def __repr__(self) -> str:
        """Say what it describes."""
        return f"<Description {self.call}>"


def _listed(label: str, lines: list[str]) -> list[str]:
    return [f"  {label if not at else '':<11} {line}" for at, line in enumerate(lines)]


def _told(one: Parameter, value: Value) -> str:
    default = f"as {one.follows}" if one.follows and value == one.default else _shown(value)
    usual = f", {f'as {one.follows}' if one.follows else _shown(one.default)} unless given"
    also = f", also {', '.join(one.aliases)}" if one.aliases else ""
    note = f"; {one.note}" if one.note else ""
    return f"{one.name} = {default}: {one.allowed}{usual if value != one.default else ''}{also}{note}"


def _parameter(one: Parameter, value: Value) -> dict[str, Any]:
    return {
        "name": one.name,
        "sort": one.sort,
        "value": value,
        "default": one.default,
        "low": None if math.isinf(one.low) else one.low,
        "high": None if math.isinf(one.high) else one.high,
        "choices": list(one.choices),
        "aliases": list(one.aliases),
        "follows": one.follows,
        "note": one.note,
        "allowed": one.allowed,
    }


def _output(name: str, aliases: tuple[str, ...], note: str) -> str:
    also = f" (also {', '.join(aliases)})" if aliases else ""
    return f"{name}{also}" + (f": {note}" if note else "")


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'" if isinstance(value, str) else str(value)


def _streams(one: Indicator) -> bool:
    """Tell whether it goes on bar by bar: with a handle of its own, or computed anew over its window."""
    return one.stream is not None or (one.owner != BUILT_IN and one.memory == "window")
