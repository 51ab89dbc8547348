"""The public surface of each package is its sorted `__all__`."""

import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "abr",
        "delivery",
        "encoder",
        "ladders",
        "shotladder",
        "shotladder_runtime.jobs",
        "shotladder_runtime.store",
        "vmaf",
    ],
)
def test_public_names_are_sorted_and_there(name):
    package = importlib.import_module(name)
    names = package.__all__
    # as ruff sorts: constants, classes, functions
    order = sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert list(names) == order
    assert len(set(names)) == len(names)
    for each in names:
        assert getattr(package, each) is not None


@pytest.mark.parametrize(
    "name",
    [
        "abr",
        "delivery",
        "encoder",
        "ladders",
        "shotladder",
        "shotladder_runtime.jobs",
        "shotladder_runtime.store",
        "vmaf",
    ],
)
def test_everything_public_is_documented(name):
    package = importlib.import_module(name)
    bare = [n for n in package.__all__ if callable(getattr(package, n)) and not getattr(package, n).__doc__]
    assert bare == []
