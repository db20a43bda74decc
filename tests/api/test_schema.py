"""The description of the API is true: schemathesis tries it, with every check and in every phase that it has."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    ExamplesPhaseConfig,
    FuzzingPhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.config._checks import NegativeDataRejectionConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from barledger import BarLedger
from barledger.api.app import build, routed
from barledger.api.examples.answers import success_of
from barledger.api.options import Options
from barledger.stores.memory import MemoryStore
from libraries import frame, library
from serving import DAYS, bearer

# Beside what is documented of the state that things are in, which `status_code_conformance` holds answers to, a rule
# that lies outside of the schema, such as an end before its start, makes a 422 right, and nothing else does.
_STATE: Final = ("404", "409", "410", "412")
_RIGHT: Final = ["2xx", "3xx", "422", *_STATE]
# What is too large is refused as such before anybody looks whether it is right.
_WRONG: Final = ["401", "404", "405", "406", "409", "412", "413", "414", "415", "422"]
_CHECKS: Final = ChecksConfig(
    positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=_RIGHT),
    negative_data_rejection=NegativeDataRejectionConfig(expected_statuses=_WRONG),
)
_EXAMPLES: Final = 2
_SHORT: Final = {"examples": 10, "coverage": 15, "stateful": 10}
_LONG: Final = 600.0
_TURN: Final = 150.0
_SEED: Final = 20_261_126
_SHOWN: Final = 1_500
_PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
# Nobody works on what is asked for, and a full queue is right to say 503.
_QUEUE: Final = 1_000_000

# That there are no bars is said by warnings, too, which stop nothing outside of tests.
pytestmark = pytest.mark.filterwarnings("ignore::barledger.errors.BarledgerWarning")


class Tried:
    """A library in which there is something of everything, and the names of it by the parameter that takes them."""

    def __init__(self, bl: BarLedger) -> None:
        odd = frame(range(300))
        odd.iloc[100:110, :4] *= 10
        bl.write("ODD", "1d", odd, source="desk")
        bl.integrity.inspect("ODD", "1d", keep=True, confidence=0.0, reason="tried")
        bl.write("AAPL", "1d", frame(range(5), 3.0), source="desk")
        bl.snapshot("AAPL", "1d", id="pinned")
        bl.integrity.set_rule("small", kind="volume_only", source="desk", reason="tried")
        bl.actions.add("AAPL", "split", "1970-06-01", value=2, reason="tried")
        bl.notifications.add_channel("desk", "log:tried")
        bl.audit.checkpoint()
        self.key = bl.keys.create("tried", scopes="admin")
        self.bl = bl
        other = bl.keys.create("other", scopes="read")
        self.known: dict[str, Any] = {
            "instrument": "AAPL",
            "timeframe": "1d",
            "indicator_type": "sma",
            "snapshot": "pinned",
            "discrepancy": bl.integrity.discrepancies()[0].id,
            "rule": "small",
            "source": "sample",
            "sequence": 1,
            "channel": "desk",
            "route": bl.notifications.rules()[0].id,
            "key": other.key.name,
        }

    def described(self, *, phases: PhasesConfig | None = None, seconds: float | None = None, seed: int = _SEED) -> Any:
        """Return the app as it describes itself, asked with a key for everything."""
        app = build(self.bl, Options(hosts=("testserver", "localhost"), open_docs=True, event_seconds=0.05))
        # It is asked for within a few seconds, which a busy machine may need to make it.
        app.openapi()
        # The key is shown in every request; that it is wanted is tried by leaving it out.
        generation = GenerationConfig(with_security_parameters=False)
        headers = bearer(self.key.text)
        project = ProjectConfig(checks=_CHECKS, headers=headers, phases=phases, generation=generation)
        config = SchemathesisConfig(
            seed=seed, projects=ProjectsConfig(default=project), max_time=None if seconds is None else int(seconds)
        )
        return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)

    def keep(self, case: schemathesis.Case) -> None:
        """Let nobody take away the key that everything is asked with."""
        if case.path_parameters.get("key") in (self.key.key.name, self.key.key.id):
            case.path_parameters["key"] = "other"


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    """A library with daily bars of two instruments, in which any number of jobs may wait."""
    with library(MemoryStore(), queue=_QUEUE) as made:
        made.write("AAPL", "1d", frame(range(DAYS)), source="desk")
        made.write("BTC/USDT", "1d", frame(range(DAYS), 20_000.0), source="venue")
        yield made


@pytest.fixture
def tried(bl: BarLedger) -> Iterator[Tried]:
    """Something of everything."""
    made = Tried(bl)

    @schemathesis.hook
    def before_call(context: schemathesis.HookContext, case: schemathesis.Case, **_: Any) -> None:  # noqa: ARG001
        made.keep(case)

    yield made
    schemathesis.hooks.unregister_all()


@pytest.fixture
def described(tried: Tried) -> Any:
    """The app as it describes itself."""
    return tried.described()


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    """The description alone, which no library is needed for."""
    return routed().openapi()


# --- one operation after the other -----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", GenerationMode)
def test_the_api_is_as_it_is_described(tried: Tried, described: Any, mode: GenerationMode) -> None:
    tried_out = 0
    for found in described.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not _takes_anything(operation):
            continue

        @settings(
            max_examples=_EXAMPLES,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=booleans())
        def try_out(case: schemathesis.Case, *, known: bool) -> None:
            named = set(case.path_parameters) & set(tried.known)
            if known and named and mode is GenerationMode.POSITIVE:
                # Names that nobody has are all alike; there is more to say of what there is.
                case.path_parameters |= {name: tried.known[name] for name in named}
                for name in ("version", "source", "cursor", "instrument"):
                    if isinstance(case.query, dict):
                        case.query.pop(name, None)
            # As headers of the call the key counts as one that is shown on purpose, whatever else is generated.
            case.call_and_validate(headers=bearer(tried.key.text))

        try:
            try_out()
        except Unsatisfiable:
            # Of a name that may be any text nothing can be sent that is against its schema.
            assert mode is GenerationMode.NEGATIVE
            continue
        tried_out += 1
    assert tried_out > 40


def test_what_there_is_is_found(tried: Tried, described: Any) -> None:
    """Every document that a path names can be had, so that a 404 stands for nothing else."""
    asked = 0
    for path, method, told in _operations(described.raw_schema):
        names = [one["name"] for one in told.get("parameters", ()) if one["in"] == "path"]
        needed = [one["name"] for one in told.get("parameters", ()) if one["in"] == "query" and one.get("required")]
        if method != "get" or not names or needed or not set(names) <= set(tried.known):
            continue
        operation = described[path][method.upper()]
        case = operation.Case(
            path_parameters={name: tried.known[name] for name in names}, headers=bearer(tried.key.text)
        )
        assert case.call().status_code == 200, path
        asked += 1
    assert asked > 10


# --- phases ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("phase", _SHORT)
def test_every_phase_finds_what_is_described(tried: Tried, phase: str) -> None:
    # The same requests in the same order each time; how many of them depends on the machine.
    ran, wrong = _engine(tried.described(phases=_phases(phase, most=5, same=True), seconds=_SHORT[phase]))
    assert ran
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.timeout(1_800)
def test_ten_minutes_of_every_phase_find_nothing_else(tried: Tried) -> None:
    deadline, rounds = time.monotonic() + _LONG, 0
    while time.monotonic() < deadline:
        for phase in _PHASES:
            if time.monotonic() > deadline:
                break
            seed = time.time_ns() % 2**32
            phases = _phases(phase, most=50 + 25 * rounds, same=False)
            ran, wrong = _engine(tried.described(phases=phases, seconds=_TURN, seed=seed))
            assert ran
            assert not wrong, "\n\n".join([f"{phase}, seed {seed}", *wrong])
        rounds += 1


def _phases(name: str, *, most: int, same: bool) -> PhasesConfig:
    few = GenerationConfig(max_examples=most, deterministic=same, with_security_parameters=False)
    return PhasesConfig(
        examples=ExamplesPhaseConfig(enabled=name == "examples", generation=few),
        coverage=CoveragePhaseConfig(enabled=name == "coverage", generation=few),
        fuzzing=FuzzingPhaseConfig(enabled=name == "fuzzing", generation=few),
        stateful=StatefulPhaseConfig(enabled=name == "stateful", generation=few, max_steps=8),
    )


def _engine(described: Any) -> tuple[int, list[str]]:
    """Run the phases that are on; returns how many scenarios there were, and what was wrong, each with a command."""
    ran = 0
    wrong: dict[tuple[str, str], str] = {}
    for event in from_schema(described).execute():
        if isinstance(event, FatalError | NonFatalError):
            wrong["error", str(event)] = repr(getattr(event, "exception", event) or event)
        if isinstance(event, ScenarioFinished) and event.status is not Status.SKIP:
            ran += 1
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.failure_info is not None:
                        told = (
                            f"{check.name}: {check.failure_info.failure}"[:_SHOWN]
                            + f"\n{check.failure_info.code_sample}"[:_SHOWN]
                        )
                        wrong.setdefault((check.name, str(event.label)), told)
    return ran, list(wrong.values())


# --- the description itself ------------------------------------------------------------------------


def _takes_anything(operation: Any) -> bool:
    return any(one.name != "Authorization" for one in operation.iter_parameters()) or bool(operation.body)


def test_every_operation_has_an_id_and_a_summary_and_tells_its_errors(raw: dict[str, Any]) -> None:
    for path, method, told in _operations(raw):
        assert told["operationId"], path
        assert told["summary"], path
        if path.startswith("/api/"):
            problems = {status for status in told["responses"] if status >= "4"}
            assert {"401", "403", "422", "500", "503"} <= problems, (method, path)
            for status in problems:
                assert [*told["responses"][status]["content"]] == ["application/problem+json"], (method, path, status)


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_what_needs_no_key_tells_what_the_layers_before_it_answer(raw: dict[str, Any], path: str) -> None:
    responses = raw["paths"][path]["get"]["responses"]
    for status in ("400", "414", "431"):
        examples = responses[status]["content"]["application/problem+json"]["examples"]
        assert [str(one["value"]["status"]) for one in examples.values()] == [status]


@pytest.mark.parametrize("path", ["/api/v1/keys", "/api/v1/keys/{key}/rotate"])
def test_what_answers_with_a_secret_tells_that_it_is_not_kept(raw: dict[str, Any], path: str) -> None:
    told = raw["paths"][path]["post"]
    assert "idempotency-key" not in {one["name"].casefold() for one in told.get("parameters", ())}
    assert "`Idempotency-Key` is not heeded, as an answer with a secret is not kept" in told["description"]


def test_every_error_has_an_example_of_its_own(raw: dict[str, Any]) -> None:
    for path, method, told in _operations(raw):
        for status, answer in told["responses"].items():
            if path.startswith("/api/") and status >= "4":
                for code, example in answer["content"]["application/problem+json"]["examples"].items():
                    value = example["value"]
                    assert (value["code"], str(value["status"])) == (code, status), (method, path)
                    assert value["next_step"], (method, path)


def test_every_answer_describes_its_headers(raw: dict[str, Any]) -> None:
    for path, method, told in _operations(raw):
        for status, answer in told["responses"].items():
            assert "X-Request-Id" in answer["headers"], (method, path, status)
            if status == "304":
                assert "ETag" in answer["headers"], path
            if status in {"429", "503"} and path.startswith("/api/"):
                assert "Retry-After" in answer["headers"], path


def test_what_takes_a_precondition_tells_that_it_may_fail(raw: dict[str, Any]) -> None:
    for path, method, told in _operations(raw):
        takes = any(one["name"].casefold() == "if-match" for one in told.get("parameters", ()))
        assert takes == ("412" in told["responses"]), (method, path)


def test_links_name_operations_and_their_parameters(raw: dict[str, Any]) -> None:
    every = {told["operationId"]: told for _, _, told in _operations(raw)}
    links = 0
    for told in every.values():
        for answer in told["responses"].values():
            for link in answer.get("links", {}).values():
                target = every[link["operationId"]]
                assert set(link["parameters"]) <= {one["name"] for one in target["parameters"]}
                links += 1
    assert links > 10


def test_no_object_is_without_types(raw: dict[str, Any]) -> None:
    for name, schema in raw["components"]["schemas"].items():
        untyped = [one for one in _objects(schema) if not one.get("properties") and "additionalProperties" not in one]
        assert not untyped, name
        assert not any(one.get("additionalProperties") is True for one in _objects(schema)), name


def test_a_list_of_things_is_items_and_has_next_where_it_comes_in_pages(raw: dict[str, Any]) -> None:
    lists = 0
    for path, _, told in _operations(raw):
        members = _members(raw, told)
        arrays = {name for name, schema in members.items() if schema.get("type") == "array"}
        if told.get("description", "").startswith("List "):
            paged = any(one["name"] == "cursor" for one in told.get("parameters", ()))
            assert (arrays, "next" in members) == ({"items"}, paged), path
            lists += 1
        else:
            assert not {"items", "next"} & set(members) or "data" in members, path
    assert lists > 20


def _operations(raw: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in raw["paths"].items():
        for method, told in operations.items():
            yield path, method, told


def _members(raw: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """The members of what an operation answers in JSON where it succeeds."""
    schema: dict[str, Any] = (success_of(operation) or {}).get("schema", {})
    if "$ref" in schema:
        schema = raw["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    members: dict[str, Any] = schema.get("properties", {})
    return members


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for one in schema.values():
            yield from _objects(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _objects(one)
