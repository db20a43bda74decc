"""Errors: one root, and of each class a code, a next step, and a message that survives pickling."""

import copy
import pickle
import re
from dataclasses import fields
from typing import Any

import pytest

from barledger import errors
from barledger.errors import BarledgerError, InvalidSetting
from barledger.errors.input import SETTINGS
from barledger.settings import Settings
from erring import KINDS, LEAVES, sample


def test_there_are_errors_and_all_stand_in_their_module() -> None:
    assert len(KINDS) > 50
    assert {kind.__name__ for kind in KINDS} <= set(vars(errors))


def test_no_two_errors_have_the_same_code() -> None:
    codes = [kind.code for kind in [BarledgerError, *KINDS]]
    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_is_for_programs(kind: type[BarledgerError]) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.code)
    assert kind.__doc__


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_tells_what_happened_and_what_to_do(kind: type[BarledgerError]) -> None:
    error = sample(kind)
    assert kind.message != BarledgerError.message
    assert kind.next_step != BarledgerError.next_step
    assert str(error)
    assert error.advice.endswith((".", "'", "?", "]'"))
    assert error.args == (str(error),)


def test_only_what_is_a_setting_is_said_to_be_in_the_environment() -> None:
    assert set(SETTINGS) == set(Settings.model_fields)
    assert "BARLEDGER_TOKEN in the environment" in InvalidSetting(setting="token", reason="it is short").advice
    for name in ("--option", "align", "option url of source files", "refresh"):
        assert "BARLEDGER" not in InvalidSetting(setting=name, reason="it is wrong").advice


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_shows_its_fields(kind: type[BarledgerError]) -> None:
    error = sample(kind)
    named = set(re.findall(r"{(\w+)", kind.message + kind.next_step))
    assert named <= set(error._told())
    assert error.details() == {field.name: getattr(error, field.name) for field in fields(kind)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("carry", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])  # noqa: S301
def test_an_error_survives_being_carried_to_another_process(kind: type[BarledgerError], carry: Any) -> None:
    error = sample(kind)
    carried = carry(error)
    assert type(carried) is kind
    assert carried.details() == error.details()
    assert (str(carried), carried.advice) == (str(error), error.advice)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_caught_as_its_kin_of_the_standard_library(kind: type[BarledgerError]) -> None:
    kin = [base for base in kind.__mro__ if base.__module__ == "builtins" and base not in (object, BaseException)]
    assert {base for base in kin if base is not Exception}, "only an Exception"
    with pytest.raises(kin[0]):
        raise sample(kind)


def test_the_root_is_the_only_error_below_exception_itself() -> None:
    assert [kind for kind in KINDS if BarledgerError not in kind.__mro__] == []
    assert BarledgerError.__bases__ == (Exception,)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"\b[A-Z][A-Za-z]+\b", (errors.__doc__ or "").split("::")[1].split("An error is")[0]))
    kin = {"ValueError", "LookupError", "RuntimeError", "TimeoutError", "OSError", "ConnectionError"}
    kin |= {"PermissionError", "ImportError"}
    assert drawn - kin == {kind.__name__ for kind in [BarledgerError, *KINDS]}
