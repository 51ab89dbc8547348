"""`shotladder policies` lists what `--policy` accepts."""

import json

import pytest
from click.testing import CliRunner

import abr
from shotladder.cli import group


@pytest.fixture(scope="module")
def listed():
    done = CliRunner().invoke(group, ["policies", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["policies"]


def test_policies_json_lists_every_policy_with_version_and_source(listed):
    assert [policy["id"] for policy in listed] == sorted(abr.REGISTRY)
    for policy in listed:
        assert policy["id"] == f"{policy['name']}@{policy['version']}"
        assert policy["title"]
        assert policy["source"] == abr.REGISTRY[policy["id"]].source
        assert policy["is_compiled"] is True


def test_policies_table_has_one_line_per_policy(listed):
    done = CliRunner().invoke(group, ["policies"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [policy["id"] for policy in listed]
    assert all(policy["source"] in line and "compiled" in line for policy, line in zip(listed, lines, strict=True))
