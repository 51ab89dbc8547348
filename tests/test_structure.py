"""The layout stays readable: short modules, small folders, few parameters, one name for one thing."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = (
    "abr",
    "benchmarks",
    "delivery",
    "encoder",
    "examples",
    "ladders",
    "samples",
    "shotladder",
    "shotladder_runtime",
    "training",
    "vmaf",
)
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))

MAX_LINES = 400
MAX_MODULES_PER_FOLDER = 20
MAX_PARAMETERS = 8
#: Modules with the same name in several packages because each is the counterpart of the others.
COUNTERPARTS = {"__init__.py", "__main__.py", "errors.py", "ladder.py", "store.py", "shots.py"}
#: Public functions whose parameters are the options of a command; `simulate_many` has 9,
#: because a separate call for the regret would repeat the other eight.
OPTIONS_AS_PARAMETERS = {"encode", "per_shot", "per_title", "constant_quality", "fixed", "simulate_many"}


def is_pixel_kernel(path: Path) -> bool:
    """Whether a module holds kernels that work on planes of samples."""
    is_vision = path.parent.name == "kernels" and "abr" not in path.parts
    return is_vision or path.name in ("complexity_kernels.py", "blocks.py", "brushes.py")


def count_parameters(function: ast.FunctionDef) -> int:
    """Return the number of parameters, without self and cls."""
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def is_command(function: ast.FunctionDef) -> bool:
    """Whether click passes the parameters."""
    return function.name == "command"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_module_has_at_most_400_lines(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_folders_have_at_most_20_modules():
    counts = Counter(path.parent.relative_to(REPOSITORY).as_posix() for path in MODULES if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES_PER_FOLDER} == {}


def test_modules_of_different_packages_have_different_names():
    folders = defaultdict(list)
    for path in MODULES:
        if path.name not in COUNTERPARTS:
            folders[path.name].append(path.parent.relative_to(REPOSITORY).as_posix())
    assert {name: places for name, places in folders.items() if len(places) > 1} == {}


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if not is_pixel_kernel(path)],
    ids=lambda path: path.relative_to(REPOSITORY).as_posix(),
)
def test_functions_have_at_most_8_parameters(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    found = {
        function.name: count_parameters(function)
        for function in functions
        if function.name not in OPTIONS_AS_PARAMETERS and not is_command(function)
    }
    assert {name: count for name, count in found.items() if count > MAX_PARAMETERS} == {}
