"""Policies in SQL."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import Tolerance
from barledger.domain.decision_rule import DecisionRule
from barledger.ledger.contract import Policies, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database


class SqlPolicies(Policies):
    """Change policies, decision rules and tolerances."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def set_policy(self, source: str, policy: ChangePolicy | None, who: Who) -> None:
        """Say how far a source may change the past by itself; None goes back to the default."""
        told = {} if policy is None else asdict(policy)
        self._set(schema.change_policies, {"source": source}, {"policy": told} if policy else {}, who)

    def policies(self) -> dict[str, ChangePolicy]:
        """Return the policies by source."""
        with self._database.read() as transaction:
            rows = transaction.all('SELECT "source", "policy" FROM "change_policies"')
        return {source: ChangePolicy(**json.loads(policy)) for source, policy in sorted(rows)}

    def set_rule(self, name: str, rule: DecisionRule | None, who: Who) -> None:
        """Set a decision rule; None removes it."""
        self._set(schema.decision_rules, {"name": name}, {"rule": asdict(rule)} if rule else {}, who)

    def rules(self) -> list[DecisionRule]:
        """Return the decision rules, the most specific first."""
        with self._database.read() as transaction:
            rows = transaction.all('SELECT "rule" FROM "decision_rules"')
        return sorted((DecisionRule(**json.loads(rule)) for (rule,) in rows), key=lambda one: one.generality)

    def set_tolerance(self, source: str, against: str, tolerance: Tolerance | None, who: Who) -> None:
        """Say which differences between two sources mean nothing; None goes back to the default."""
        first, second = sorted((source, against))
        told = {"tolerance": asdict(tolerance)} if tolerance else {}
        self._set(schema.tolerances, {"source": first, "against": second}, told, who)

    def tolerances(self) -> dict[tuple[str, str], Tolerance]:
        """Return the tolerances by pair of sources."""
        with self._database.read() as transaction:
            rows = transaction.all('SELECT "source", "against", "tolerance" FROM "tolerances"')
        return {(source, against): Tolerance(**json.loads(told)) for source, against, told in sorted(rows)}

    def _set(self, table: Any, key: Mapping[str, str], values: Mapping[str, Mapping[str, Any]], who: Who) -> None:
        """Replace a row of JSON, or remove it where there are no values, with one audit entry, which has both."""
        names = tuple(key)
        (column,) = (name for name in table.columns.keys() if name not in names)  # noqa: SIM118 - a collection of columns
        where = " AND ".join(f'"{name}" = ?' for name in names)
        with self._database.write() as writing:
            old = writing.one(f'SELECT "{column}" FROM "{table.name}" WHERE {where}', tuple(key.values()))  # noqa: S608 - our own names
            writing.delete(table, names, [tuple(key.values())])
            texts = tuple(json.dumps(value, sort_keys=True) for value in values.values())
            writing.insert(table, (*names, *values), [(*key.values(), *texts)] if values else [])
            kept = {name: _words(value) for name, value in values.items()}
            before = {} if old is None else {"before": _words(json.loads(old[0]))}
            append(writing, who, writing.tick(), {**key, column: {}, **kept, **before})


def _words(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(member) for name, member in value.items() if member not in (None, {})}
