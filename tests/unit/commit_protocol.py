"""A checker of the commit and read protocol: writers that crash and one reader, in every order of events.

The world is one bar, which stands for all, because a reader decides for each bar by itself. A row's fields travel one
at a time, as on InfluxDB, which tears rows. Revision 1 is committed; more writers follow one another. Each may die
after any step, and the next one takes over: it aborts what is pending, repairs what lies about, and then changes the
bar, commits something else, or finds nothing to do. A reader may begin at any moment, and must answer with the bar as
it was at the revision that it resolved to.

The value 23 means edition 2, written by revision 3, so that a torn row gives itself away. Each of `Rules` can be
switched off, to see which wrong answers it prevents.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

Store = tuple[int | None, ...]

LAYERS = ("latest", 1, 2, 3)
FIELDS = ("value", "revision", "superseded")
ORDERS = (FIELDS, FIELDS[::-1])
SLOT = {place: slot for slot, place in enumerate(product(LAYERS, FIELDS))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the protocol demands; the default is the protocol itself."""

    copies_are_written_first: bool = True
    copies_win: bool = True
    latest_is_read_first: bool = True
    torn_copies_are_ignored: bool = True
    reader_looks_again: bool = True
    leftovers_are_noticed: bool = True
    allocations_are_noticed: bool = True
    leftovers_are_repaired: bool = True
    aborted_revisions_are_remembered: bool = True
    overtaken_writers_stop: bool = True


class Ledger(NamedTuple):
    """What a look at the ledger shows; each change of it is one transaction."""

    revision: int = 1
    pending: int = 0
    allocated: int = 1
    aborted: frozenset[int] = frozenset()
    unrepaired: frozenset[int] = frozenset()

    def uncommitted(self, rules: Rules) -> frozenset[int]:
        """Return the revisions whose rows nobody may see."""
        return frozenset({self.pending}) | (self.aborted if rules.aborted_revisions_are_remembered else frozenset())


class Step(NamedTuple):
    """One thing that a writer does: a transaction on the ledger, or a cell put into a slot of the store."""

    name: str
    number: int = 0
    cell: int | None = None


class Moment(NamedTuple):
    """The ledger, the store, the true value at each revision, and what two writers would do next.

    ``ghost`` are the steps that are left to a writer who was overtaken and does not know it.
    """

    ledger: Ledger
    store: Store
    truth: tuple[int | None, ...]
    steps: tuple[Step, ...] = ()
    ghost: tuple[Step, ...] = ()


class Answer(NamedTuple):
    """A finished read: the revision that it resolved to, what it gave, and what it should have given."""

    revision: int
    given: int | None
    true: int | None


def visible(store: Store, revision: int, uncommitted: frozenset[int], rules: Rules) -> int | None:
    """Return the value that a reader at ``revision`` takes from these fields."""

    def true(number: int | None) -> bool:
        return number is not None and number <= revision and number not in uncommitted

    copies = [store[slot : slot + 3] for slot in range(3, len(store), 3)]
    whole = [copy for copy in copies if None not in copy or not rules.torn_copies_are_ignored]
    chosen = [value for value, wrote, superseded in whole if true(wrote) and not true(superseded)]
    standing = true(store[SLOT["latest", "revision"]])
    if chosen and (rules.copies_win or not standing):
        return chosen[-1]
    return store[SLOT["latest", "value"]] if standing else None


def fields_of(layer: str | int, order: tuple[str, ...]) -> list[tuple[str | int, str]]:
    """Return the places of a row, in the order in which its fields travel."""
    return [(layer, name) for name in order if (layer, name) != ("latest", "superseded")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writers:
    """Every moment that the writers can bring about, whether the bar stands at first or is yet to come."""

    rules: Rules
    order: tuple[str, ...]
    first: int | None
    last: int

    def moments(self) -> dict[Moment, list[Moment]]:
        """Return the moments that can be, each with those that can follow."""
        store: Store = (None,) * len(SLOT)
        for step in self._row("latest", self.first):
            store = _put(store, step)
        waiting = [Moment(ledger=Ledger(), store=store, truth=(None, self.first))]
        followers: dict[Moment, list[Moment]] = {}
        while waiting:
            moment = waiting.pop()
            if moment not in followers:
                followers[moment] = list(self._after(moment))
                waiting += followers[moment]
        return followers

    def _after(self, moment: Moment) -> Iterator[Moment]:
        ledger = moment.ledger
        if moment.steps:
            yield _done(moment._replace(steps=moment.steps[1:]), moment.steps[0])
        if moment.ghost:
            yield _done(moment._replace(ghost=moment.ghost[1:]), moment.ghost[0])
        if ledger.allocated < self.last:
            woken = tuple(step for step in moment.steps if step.name == "put" and ledger.pending)
            ghost = () if self.rules.overtaken_writers_stop else woken or moment.ghost
            for first, *steps in self._programs(moment):
                yield _done(moment._replace(steps=tuple(steps), ghost=ghost), first)

    def _programs(self, moment: Moment) -> Iterator[tuple[Step, ...]]:
        """Give what the next writer may do, who is alone and so may believe what is in the store."""
        ledger, number = moment.ledger, moment.ledger.allocated + 1
        steps = [Step("abort", ledger.pending)] if ledger.pending else []
        steps.append(Step("begin", number))
        seen = visible(moment.store, ledger.revision, ledger.uncommitted(self.rules), self.rules)
        if self.rules.leftovers_are_repaired and (ledger.pending or ledger.unrepaired):
            steps += [*self._row("latest", seen), Step("repair")]
        edition = seen // 10 if seen else 0
        value = (edition + 1) * 10 + number
        copy, change = self._row(edition, seen, number) if edition else [], self._row("latest", value)
        puts = copy + change if self.rules.copies_are_written_first else change + copy
        yield (*steps, Step("discard"))
        yield (*steps, Step("commit", number, moment.truth[ledger.revision]))
        yield (*steps, *puts, Step("commit", number, value))

    def _row(self, layer: str | int, value: int | None, superseded: int | None = None) -> list[Step]:
        cells = {"value": value, "revision": value and value % 10, "superseded": superseded}
        return [Step("put", SLOT[place], cells[place[1]]) for place in fields_of(layer, self.order)]


def _put(store: Store, step: Step) -> Store:
    return (*store[: step.number], step.cell, *store[step.number + 1 :])


def _done(moment: Moment, step: Step) -> Moment:
    ledger, number = moment.ledger, step.number
    match step.name:
        case "put":
            return moment._replace(store=_put(moment.store, step))
        case "begin":
            ledger = ledger._replace(pending=number, allocated=number)
        case "abort":
            ledger = Ledger(ledger.revision, 0, number, ledger.aborted | {number}, ledger.unrepaired | {number})
        case "repair":
            ledger = ledger._replace(unrepaired=frozenset())
        case "discard":
            ledger = ledger._replace(pending=0)
        case "commit":
            truth = (*moment.truth, *(None,) * (number - len(moment.truth)), step.cell)
            return moment._replace(ledger=ledger._replace(revision=number, pending=0), truth=truth)
    return moment._replace(ledger=ledger)


def answers(rules: Rules, moments: dict[Moment, list[Moment]], order: tuple[str, ...], asked: int) -> Iterator[Answer]:
    """Give the answers of readers that begin at any moment; ``asked`` is a revision, or 0 for the last one."""
    known = list(moments)
    number = {moment: at for at, moment in enumerate(known)}
    later = [[number[moment] for moment in moments[one]] for one in known]
    turns = _turns(known, later)
    looks = {0} | {to for at, moment in enumerate(known) for to in later[at] if known[to].ledger != moment.ledger}
    layers = LAYERS if rules.latest_is_read_first else (*LAYERS[1:], "latest")
    slots = [SLOT[place] for layer in layers for place in fields_of(layer, order)]
    quick = not asked and rules.latest_is_read_first
    waiting: list[tuple[int, Ledger, Store, bool]] = [
        (at, known[at].ledger if quick else Ledger(asked or known[at].ledger.revision), (), quick) for at in looks
    ]
    seen = set(waiting)
    while waiting:
        at, before, fields, hopeful = waiting.pop()
        now, revision = known[at], before.revision
        slot = slots[len(fields)] if len(fields) < (2 if hopeful else len(slots)) else None
        moves = [(after, before, fields, hopeful) for after in turns(at, slot)]
        if slot is not None:
            moves.append((at, before, (*fields, now.store[slot]), hopeful))
        elif hopeful and not _untouched(rules, before, now.ledger):
            moves.append((at, Ledger(revision), fields, False))
        else:
            found: dict[int, int | None] = dict(zip(slots, fields, strict=False))
            read = tuple(map(found.get, range(len(SLOT))))
            given = read[0] if hopeful else visible(read, revision, now.ledger.uncommitted(rules), rules)
            yield Answer(revision, given, now.truth[revision])
        fresh = [move for move in moves if move not in seen]
        seen.update(fresh)
        waiting += fresh


def _turns(known: list[Moment], later: list[list[int]]) -> Callable[[int, int | None], frozenset[int]]:
    """Return what finds the next moments at which a slot (None: the ledger) shows something else than at this one.

    A reader that waits may as well have read what nothing touched meanwhile, so only these moments are worth a try.
    """

    def shown(at: int, slot: int | None) -> Ledger | int | None:
        return known[at].ledger if slot is None else known[at].store[slot]

    @cache
    def turns(at: int, slot: int | None) -> frozenset[int]:
        same = shown(at, slot)
        return frozenset().union(*({to} if shown(to, slot) != same else turns(to, slot) for to in later[at]))

    return turns


def _untouched(rules: Rules, before: Ledger, now: Ledger) -> bool:
    """Tell whether nothing was open and nothing moved between two looks."""
    clean = not before.pending and not (before.unrepaired and rules.leftovers_are_noticed)
    if not rules.allocations_are_noticed:
        now = now._replace(allocated=before.allocated, aborted=before.aborted)
    return clean and (before == now or not rules.reader_looks_again)


def wrong_answers(rules: Rules, *, last: int) -> Iterator[Answer]:
    """Give the wrong answers that these rules allow up to revision ``last``, in every order of fields."""
    for first, writing in product((11, None), ORDERS):
        moments = Writers(rules=rules, order=writing, first=first, last=last).moments()
        for reading, asked in product(ORDERS, (0, 1)):
            every = answers(rules, moments, reading, asked)
            yield from (answer for answer in every if answer.given != answer.true)
