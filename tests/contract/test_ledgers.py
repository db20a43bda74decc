"""SQLite and PostgreSQL pass the suite that all ledgers pass, and refuse what goes around the ledger."""

import os
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, everything
from barledger.domain.merkle import Tree
from barledger.domain.series import Series
from barledger.errors import (
    BarledgerError,
    FormatTooNew,
    InvalidSetting,
    LedgerNotAuthenticated,
    LedgerNotFound,
    LedgerNotPermitted,
    LedgerRejected,
    NotEmpty,
    ReadOnly,
    StoreDamaged,
    StoreUnavailable,
    StoreUnwritable,
)
from barledger.ledger.contract import (
    KEPT_LEVELS,
    BlockCheck,
    Ledger,
    Measurement,
    Outcome,
    QuarantinedBar,
    Symbol,
    Who,
)
from barledger.ledger.sql import SqlLedger
from barledger.testing.bars import series
from barledger.testing.commits import WHO, begin, block, change, commit, pin
from barledger.testing.ledger import LedgerContract
from barledger.testing.ledger_processes import PROCESSES, make_at
from barledger.testing.ledger_tree import checkpoint, leaves

A, B = series("AAPL"), series("MSFT")
APPEND_ONLY = "append-only"
DATA = Path(__file__).parents[1] / "data"
# What proposals were before the register of discrepancies took them over.
_BYTES = dict.fromkeys(("payload_digest", "payload"), sa.LargeBinary)
_TEXTS = dict.fromkeys(("kind", "reason", "evidence", "state", "decided_by", "decision"), sa.Text)
_NUMBERS = dict.fromkeys(
    ("series_id", "start", "end", "bars", "revision", "made_at", "decided_at", "result"), sa.BigInteger
)
PROPOSALS = sa.Table(
    "proposals",
    sa.MetaData(),
    sa.Column("id", sa.Text, primary_key=True),
    *(sa.Column(name, kind, nullable=False) for name, kind in {**_NUMBERS, **_TEXTS, **_BYTES}.items()),
)
PROPOSED_BEFORE = (
    ("prop-1", "correction", "open", "", "", 0),
    ("prop-2", "withdrawal", "accepted", "tester", "yes", 77),
    ("prop-3", "correction", "rejected", "tester", "no", 0),
    ("prop-4", "correction", "rejected", "", "a newer proposal has the same stretch", 0),
    ("prop-5", "restatement", "rejected", "tester", "overtaken by revision 9", 0),
)
SECRET = "s3cret-guess"  # noqa: S105 - what no error may show
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _set_back_to_proposals(url: str) -> None:
    """Give a ledger the table that proposals had, filled, in the place of the register."""
    run(
        url,
        *(f"DROP TABLE {name}" for name in ("discrepancy_steps", "discrepancies", "decision_rules", "tolerances")),
        "DROP TABLE looks",
        "UPDATE alembic_version SET version_num = '0002'",
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        PROPOSALS.create(connection)
        (number,) = connection.execute(sa.text("SELECT MIN(id) FROM series")).one()
        for at, (name, kind, state, who, why, result) in enumerate(PROPOSED_BEFORE, 1):
            told = {"id": name, "kind": kind, "state": state, "decided_by": who, "decision": why, "result": result}
            usual = {"series_id": number, "start": 1, "end": 5, "bars": 2, "revision": 3, "reason": "why"}
            times = {"made_at": 10, "decided_at": 20 if at > 1 else 0, "evidence": '{"factor": "0.5"}'}
            payload = {"payload": b"bars", "payload_digest": bytes([at]) * 32}
            connection.execute(sa.insert(PROPOSALS), {**told, **usual, **times, **payload})
    engine.dispose()


def run(url: str, *statements: str) -> None:
    """Run statements behind the ledger's back."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def refused(error: type[BarledgerError], action: Callable[[], object], *, secret: str | None = None) -> str:
    """Check that an action fails with an error, and says the secret nowhere; returns what it says."""
    with pytest.raises(BarledgerError) as caught:
        action()
    assert type(caught.value) is error
    told = "\n".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.advice
    assert secret is None or secret not in told
    assert caught.value.advice
    return str(caught.value)


class SqlLedgerContract(LedgerContract):
    """What holds on both databases, beside the contract; a fixture ``url`` names the database."""

    @pytest.fixture
    def place(self, url: str) -> Callable[..., Ledger]:
        return partial(SqlLedger.open, url)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit SET body = '{}'",
            "UPDATE audit SET actor = 'nobody' WHERE sequence = 1",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE sequence = 2",
            "UPDATE audit_series SET sequence = 1",
            "DELETE FROM audit_series",
            "UPDATE audit_nodes SET number = 7",
            "DELETE FROM audit_nodes",
            "UPDATE audit_strategies SET strategy = 'another'",
            "DELETE FROM audit_strategies",
            "UPDATE checkpoints SET note = ''",
            "DELETE FROM checkpoints",
        ],
    )
    def test_the_database_itself_refuses_to_change_the_audit_log(
        self, ledger: Ledger, url: str, statement: str
    ) -> None:
        _log(ledger)
        before = ledger.audit.entries(series=A)
        with pytest.raises(sa.exc.DBAPIError, match=APPEND_ONLY):
            run(url, statement)
        assert ledger.audit.entries(series=A) == before

    def test_the_leaves_are_those_of_rfc_6962(self, ledger: Ledger, url: str) -> None:
        import hashlib  # noqa: PLC0415 - for this test alone

        commit(ledger, A)
        commit(ledger, series("日本", source="'; DROP"))
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT body, leaf FROM audit").all()
        engine.dispose()
        assert len(rows) == 2
        assert all(bytes(leaf) == hashlib.sha256(b"\x00" + body.encode()).digest() for body, leaf in rows)

    def test_a_newer_schema_is_refused(self, ledger: Ledger, url: str) -> None:
        ledger.close()
        run(url, "UPDATE alembic_version SET version_num = '0099'")
        for read_only in (False, True):
            told = refused(FormatTooNew, lambda read_only=read_only: SqlLedger.open(url, read_only=read_only))
            assert "format 99" in told

    def test_the_tables_of_something_else_are_left_alone(self, url: str) -> None:
        run(
            url,
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
        )
        refused(InvalidSetting, lambda: SqlLedger.open(url))

    def test_a_ledger_opened_for_reading_writes_nothing(self, ledger: Ledger, url: str) -> None:
        revision = commit(ledger, A)
        reader = SqlLedger.open(url, read_only=True)
        try:
            assert reader.revisions.state(A).revision == revision
            assert reader.revisions.at_time(A, ledger.now()) == revision
            refused(ReadOnly, lambda: reader.audit.append(WHO, {}))
            refused(ReadOnly, lambda: begin(reader, B))
        finally:
            reader.close()

    def test_proposals_of_an_earlier_schema_are_discrepancies_now(self, ledger: Ledger, url: str) -> None:
        commit(ledger, A)
        ledger.close()
        _set_back_to_proposals(url)
        with closing(SqlLedger.open(url)) as newer:
            found = {one.id: one for one in newer.discrepancies.list()}
            assert {one.id: (one.state, one.kind, one.decision, one.result) for one in found.values()} == {
                "prop-1": ("proposed", "correction", "", 0),
                "prop-2": ("applied", "withdrawn", "yes", 77),
                "prop-3": ("rejected", "correction", "no", 0),
                "prop-4": ("superseded", "correction", "a newer proposal has the same stretch", 0),
                "prop-5": ("superseded", "restatement", "overtaken by revision 9", 0),
            }
            first = found["prop-1"]
            assert (first.series, first.interval, first.bars, first.revision) == (A, Interval(1, 5), 2, 3)
            assert (first.reason, first.evidence, first.against) == ("why", {"factor": "0.5"}, A.source)
            assert newer.discrepancies.payload("prop-1") == b"bars"
            assert [step.state for step in newer.discrepancies.steps("prop-2")] == ["proposed", "accepted", "applied"]
            again = replace(first, id="", state="open", key="correction:" + "01" * 32)
            assert newer.discrepancies.add(again, b"bars", WHO) == (first, False)
            assert newer.discrepancies.step("prop-1", "rejected", WHO).state == "rejected"

    def test_reading_makes_no_ledger(self, url: str) -> None:
        refused(ReadOnly, lambda: SqlLedger.open(url, read_only=True))

    def test_at_most_so_many_snapshots_are_mirrored(self, url: str) -> None:
        ledger = SqlLedger.open(url, mirrored=2)
        try:
            commit(ledger, A)
            assert [pin(ledger, name, A).mirrored for name in ("one", "two", "three")] == [True, True, False]
            assert [parcel.snapshot_id for parcel in ledger.outbox.waiting()] == ["one", "two"]
        finally:
            ledger.close()

    def test_what_cannot_be_text_is_refused_and_leaves_nothing(self, ledger: Ledger) -> None:
        for text in ("\ud800",):
            refused(LedgerRejected, lambda text=text: begin(ledger, A, who=Who(actor="a", operation="b", reason=text)))
            refused(LedgerRejected, lambda text=text: ledger.audit.append(WHO, {"text": text}))
        assert ledger.audit.count() == 0
        assert ledger.revisions.state(A).pending == 0
        assert commit(ledger, A)

    def test_a_copy_holds_everything_and_goes_on(self, ledger: Ledger, other_urls: list[str]) -> None:
        _fill(ledger)
        for url in other_urls:
            ledger.copy_to(url)
            copy = SqlLedger.open(url)
            try:
                assert _contents(copy) == _contents(ledger)
                assert copy.id == ledger.id
                assert commit(copy, B, series("NEW")) > ledger.revisions.last()
                assert pin(copy, "later", A, B).id == "later"
                with pytest.raises(sa.exc.DBAPIError, match=APPEND_ONLY):
                    run(url, "DELETE FROM audit")
                refused(NotEmpty, lambda url=url: ledger.copy_to(url))
            finally:
                copy.close()
        assert ledger.snapshots.get("later") is None

    @pytest.fixture
    def other_urls(self, tmp_path: Path) -> list[str]:
        """URLs of new databases to copy to."""
        return [f"sqlite:///{tmp_path / 'copy.sqlite'}"]


class TestSqliteLedger(SqlLedgerContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT OR REPLACE INTO audit SELECT sequence, time, actor, operation, '{}', leaf FROM audit",
            "REPLACE INTO audit (rowid, sequence, body, leaf) VALUES (1, 1, '{}', x'00')",
            "REPLACE INTO audit (rowid, sequence, body, leaf) VALUES (1, 99, '{}', x'00')",
            "UPDATE OR REPLACE audit SET sequence = 1 WHERE sequence = 2",
            "INSERT INTO audit SELECT * FROM audit WHERE true ON CONFLICT DO UPDATE SET body = '{}'",
            "REPLACE INTO audit_series SELECT * FROM audit_series",
            "REPLACE INTO checkpoints SELECT size, key, root, '', 0 FROM checkpoints",
        ],
    )
    def test_replacing_an_entry_is_refused(self, ledger: Ledger, url: str, statement: str) -> None:
        _log(ledger)
        before = ledger.audit.entries(series=A), ledger.audit.checkpoints()
        try:
            run(url, statement)
        except sa.exc.DBAPIError as error:
            assert APPEND_ONLY in str(error)  # noqa: PT017 - a statement may also add an entry, and change none
        assert (ledger.audit.entries(series=A), ledger.audit.checkpoints()) == before

    def test_processes_that_make_the_same_file_at_once_all_succeed(self, tmp_path: Path) -> None:
        with ProcessPoolExecutor(2, mp_context=PROCESSES) as pool:
            for at in range(10):
                place = partial(SqlLedger.open, f"sqlite:///{tmp_path / str(at)}.sqlite")
                made = [pool.submit(make_at, place, 0.0) for _ in range(2)]
                assert len({one.result(60) for one in made}) == 1

    def test_a_ledger_of_the_first_schema_is_brought_to_the_newest(self, tmp_path: Path) -> None:
        old = tmp_path / "old.sqlite"
        with closing(sqlite3.connect(old)) as connection:
            connection.executescript((DATA / "ledger-0001.sql").read_text())
        desk = Series.of("AAPL", "1d", "desk")
        with closing(SqlLedger.open(f"sqlite:///{old}")) as ledger:
            assert ledger.revisions.state(desk).rows == 2
            assert ledger.snapshots.of_strategy("momentum-7").id == "kept"
            (cover,) = ledger.catalog.coverage(Series.of("AAPL", "1d", "sample"))
            assert (cover.outcome, cover.detail) == ("fetched", "")
            assert ledger.instruments.tell([Facts(pattern="AAPL", kind="stock")], WHO) == 1
            assert ledger.audit.frontier().root == Tree(leaves(ledger)).root()
            assert commit(ledger, desk)
            assert ledger.audit.frontier().root == Tree(leaves(ledger)).root()
            with pytest.raises(sa.exc.DBAPIError, match=APPEND_ONLY):
                run(f"sqlite:///{old}", "INSERT INTO audit_nodes VALUES (4, 9, x'00')", "DELETE FROM audit_nodes")
            (tmp_path / "new.sqlite").unlink(missing_ok=True)
            ledger.copy_to(f"sqlite:///{tmp_path / 'new.sqlite'}")
        with closing(SqlLedger.open(f"sqlite:///{tmp_path / 'fresh.sqlite'}")):
            assert _columns(old) == _columns(tmp_path / "fresh.sqlite")

    def test_a_ledger_in_memory_works_too(self) -> None:
        ledger = SqlLedger.open("sqlite://")
        try:
            assert commit(ledger, A) == ledger.revisions.state(A).revision
            assert pin(ledger, "s", A).state == "complete"
        finally:
            ledger.close()

    def test_a_file_that_is_no_database_is_damaged(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.sqlite"
        file.write_bytes(b"something else entirely" * 500)
        refused(StoreDamaged, lambda: SqlLedger.open(f"sqlite:///{file}"))
        assert file.read_bytes().startswith(b"something else")

    def test_a_place_that_cannot_be_used_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "file" / "ledger.sqlite", tmp_path):
            assert str(tmp_path) in refused(StoreUnwritable, lambda path=path: SqlLedger.open(f"sqlite:///{path}"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"mysql://user:{SECRET}@host/db",
        f"postgresql://user:{SECRET}@host:port/db",
        f"postgresql://user:{SECRET}@[::1/db",
        f"postgresql:/user:{SECRET}",
    ],
)
def test_a_url_of_no_ledger_is_refused(url: str) -> None:
    refused(InvalidSetting, lambda: SqlLedger.open(url), secret=SECRET)


@pytest.mark.postgres
class TestPostgresLedger(SqlLedgerContract):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url

    @pytest.fixture
    def other_urls(self, tmp_path: Path, postgres_server: Any) -> Iterator[list[str]]:
        with postgres_server.database() as url:
            yield [f"sqlite:///{tmp_path / 'copy.sqlite'}", url]

    def test_emptying_the_audit_log_is_refused(self, ledger: Ledger, url: str) -> None:
        commit(ledger, A)
        for statement in ("TRUNCATE audit_series", "TRUNCATE audit CASCADE"):
            with pytest.raises(sa.exc.DBAPIError, match=APPEND_ONLY):
                run(url, statement)
        assert ledger.audit.count() == 1

    def test_a_nul_in_a_text_is_refused(self, ledger: Ledger) -> None:
        refused(LedgerRejected, lambda: begin(ledger, A, who=Who(actor="a", operation="b", reason="a\x00b")))
        assert commit(ledger, A)

    def test_a_wrong_password_is_told_from_an_unknown_database(self, url: str) -> None:
        parsed = sa.make_url(url)
        for name, error, wrong in (
            ("password", LedgerNotAuthenticated, parsed.set(password=SECRET)),
            ("user", LedgerNotAuthenticated, parsed.set(username="nobody-known", password=SECRET)),
            ("database", LedgerNotFound, parsed.set(database="no_such_database")),
        ):
            text = wrong.render_as_string(hide_password=False)
            told = refused(error, lambda text=text: SqlLedger.open(text), secret=str(wrong.password))
            assert str(wrong.host) in told, name

    def test_a_server_that_is_not_there_is_unavailable(self, url: str) -> None:
        wrong = sa.make_url(url).set(port=1, password=SECRET).render_as_string(hide_password=False)
        assert "127.0.0.1" in refused(StoreUnavailable, lambda: SqlLedger.open(wrong), secret=SECRET)

    def test_a_user_without_rights_is_told_so(self, url: str, ledger: Ledger) -> None:
        role = f"reader_{os.getpid()}"
        run(
            url,
            f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        )
        theirs = sa.make_url(url).set(username=role, password=SECRET).render_as_string(hide_password=False)
        try:
            revision = commit(ledger, A)
            reader = SqlLedger.open(theirs, read_only=True)
            assert reader.revisions.state(A).revision == revision
            reader.close()
            writer = SqlLedger.open(theirs)
            refused(LedgerNotPermitted, lambda: begin(writer, A), secret=SECRET)
            writer.close()
        finally:
            run(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    def test_a_ledger_goes_on_after_the_server_dropped_its_connections(self, url: str, ledger: Ledger) -> None:
        first = commit(ledger, A)
        for _ in range(2):
            run(url, TERMINATE)
            assert ledger.revisions.state(A).revision == first
            run(url, TERMINATE)
            assert ledger.revisions.states([A])[0].revision == first
            run(url, TERMINATE)
            first = commit(ledger, A)

    def test_a_lost_connection_in_a_transaction_is_told_and_leaves_nothing(self, url: str, ledger: Ledger) -> None:

        class Cutting:
            """A value that ends the connection of whoever writes it down."""

            def __str__(self) -> str:
                run(url, TERMINATE)
                return "cut"

        first = commit(ledger, A)
        pending = begin(ledger, A)
        outcome = Outcome(changes=[change(A, blocks=[block(1970, 5)])], details={"cut": Cutting()})
        refused(StoreUnavailable, lambda: ledger.revisions.commit(pending, outcome, WHO))
        assert ledger.revisions.state(A).revision == first
        assert ledger.audit.count() == 1
        ledger.revisions.commit(pending, Outcome(changes=[change(A)]), WHO)
        assert ledger.revisions.state(A).revision == pending.revision


def _log(ledger: Ledger) -> None:
    """Put a row into every table of the audit log."""
    for _ in range(2**KEPT_LEVELS):
        commit(ledger, A)
    ledger.audit.append(WHO, {}, series=[A], strategy="x")
    ledger.audit.keep_checkpoint(checkpoint(2))


def _fill(ledger: Ledger) -> None:
    _log(ledger)
    commit(ledger, A, B, series("null", source="NULL"), blocks=[block(1970, 1), block(1971, 1)])
    pin(ledger, "s", A, B, strategy="x")
    commit(ledger, A, blocks=[block(1970, 2)])
    ledger.snapshots.approve("s", "x", WHO)
    ledger.revisions.abort(begin(ledger, B))
    begin(ledger, A)
    ledger.catalog.set_priority("*", "*", ["a", "b"], "fill", WHO)
    ledger.symbols.add(Symbol(instrument="AAPL", source="test", native="aapl", valid=everything()), WHO)
    bar = QuarantinedBar(series=A, time=5, code="empty-bar", values={"open": None}, actor="tester")
    ledger.quarantine.add([bar], WHO)
    scores = {"completeness": 0.5, "accuracy": None}
    measured = Measurement(series=A, interval=everything(), version="latest", revision=1, scores=scores)
    check = BlockCheck(series=A, start=block(1970, 2).start, rows=10, digest=block(1970, 2).digest)
    ledger.quality.record([measured], [check], WHO)


def _contents(ledger: Ledger) -> dict[str, Any]:
    known = ledger.catalog.series()
    pinned = ledger.snapshots.list()[-1].pins[0]
    return {
        "states": ledger.revisions.states(known),
        "records": [ledger.revisions.records(one) for one in known],
        "uncommitted": [ledger.revisions.uncommitted(one) for one in known],
        "blocks": [ledger.catalog.blocks(one, everything()) for one in known],
        "pinned": ledger.catalog.blocks(A, everything(), revision=pinned.revision),
        "snapshots": ledger.snapshots.list(deleted=True),
        "approved": ledger.snapshots.of_strategy("x"),
        "priorities": ledger.catalog.priorities(),
        "symbols": ledger.symbols.list(),
        "quarantine": ledger.quarantine.list(),
        "audit": ledger.audit.entries(),
        "tree": (ledger.audit.frontier().packed, ledger.audit.kept([(KEPT_LEVELS, 0)])),
        "strategy": ledger.audit.of_strategy("x"),
        "checkpoints": ledger.audit.checkpoints(),
        "of one": ledger.audit.entries(series=B),
        "outbox": ledger.outbox.waiting(),
        "quality": ledger.quality.measurements([A]),
        "checks": ledger.quality.checks(A, everything()),
    }


def _columns(database: Path) -> dict[str, set[tuple[str, str, int]]]:
    """Return each table's columns with their types, and whether they may be null."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: {
                (name, kind, notnull)
                for _, name, kind, notnull, *_ in connection.execute(f"PRAGMA table_info({table})")
            }
            for table in tables
        }
