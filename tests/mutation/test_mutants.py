"""Mutants differ from a module in one place, and replace the code of its functions."""

import importlib.util

import pytest

from benchmarks.mutation.mutants import make_mutants
from benchmarks.mutation.mutation_run import REPOSITORY, TARGETS, apply_mutant

SOURCE = """
LIMIT = 3

def is_below(value: int, limit: int = 3) -> bool:
    if not value:
        raise ValueError(f"{value + 1} is zero")
    return value < limit

def make(step):
    def add(value):
        return value + step
    return add
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "changed.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("changed", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_make_mutants_changes_operators_and_results_but_no_texts_and_no_defaults():
    changes = [mutant.text for mutant in make_mutants(SOURCE, "changed.py")]
    assert changes == [
        "if not value: -> if not not value:",
        "return value < limit -> return None",
        "not value -> not not value",
        "value < limit -> value <= limit",
        "return add -> return None",
        "return value + step -> return None",
        "value + step -> value - step",
    ]


def test_apply_mutant_replaces_the_code_of_functions_that_are_in_use(module):
    is_below, add_two = module.is_below, module.make(2)
    mutants = {mutant.text: mutant for mutant in make_mutants(SOURCE, module.__file__)}
    apply_mutant(mutants["value < limit -> value <= limit"].code)
    assert is_below(3)
    apply_mutant(mutants["value + step -> value - step"].code)
    assert add_two(3) == 1
    assert not is_below(3), "one place is changed at a time"


def test_targets_name_files_that_exist():
    named = [path for paths, tests in TARGETS.values() for path in (*paths, *tests)]
    assert all((REPOSITORY / path.partition("::")[0]).is_file() for path in named)
