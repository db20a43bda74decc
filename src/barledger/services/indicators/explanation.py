"""Explanations: what a calculation did, step by step, and how long each took."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that was done: ``read``, ``gaps``, ``cache``, ``tail`` or ``compute``; of what, how, in how many ms."""

    what: str
    of: str
    how: str
    ms: float

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.what:<8}{self.ms:>9.3f} ms  {self.of}: {self.how}"


@dataclass(slots=True, kw_only=True)
class Explanation:
    """The steps of a calculation, in their order."""

    steps: list[Step] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Return how long it all took."""
        return sum(step.ms for step in self.steps)

    def add(self, what: str, of: str, how: str, ms: float = 0.0) -> None:
        """Note a step."""
        self.steps.append(Step(what=what, of=of, how=how, ms=ms))

    @contextmanager
    def timed(self, what: str, of: str) -> Iterator[list[str]]:
        """Note a step that is done within; what is put into the list says how."""
        how: list[str] = []
        begun = perf_counter()
        yield how
        self.add(what, of, ", ".join(how) or "done", (perf_counter() - begun) * 1e3)

    def as_dict(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        steps = [{name: getattr(step, name) for name in Step.__slots__} for step in self.steps]
        return {"ms": self.ms, "steps": steps}

    def __iter__(self) -> Iterator[Step]:
        """Give the steps."""
        return iter(self.steps)

    def __len__(self) -> int:
        """Return how many steps there were."""
        return len(self.steps)

    def __str__(self) -> str:
        """Say it in lines."""
        return "\n".join(map(str, self.steps))
