"""The list of policies: complete, in plain values, and convertible to pandas."""

from dataclasses import asdict

import pytest

import abr


def test_list_policies_has_a_described_row_for_each_policy_of_the_registry():
    infos = abr.list_policies()
    assert [info.id for info in infos] == sorted(abr.REGISTRY)
    for info in infos:
        assert info.id == f"{info.name}@{info.version}"
        assert info.title
        assert info.source == abr.get_policy(info.id).source
        assert info.is_compiled
        assert all(isinstance(value, str | bool) for value in asdict(info).values())


def test_list_policies_to_pandas_has_a_column_for_each_field():
    pandas = pytest.importorskip("pandas")
    frame = abr.list_policies().to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["id"]) == sorted(abr.REGISTRY)
    assert "source" in frame.columns
