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
    for policy in listed:
        assert policy.keys() >= {"name", "version", "source", "implementation"}
        assert policy["source"]
        assert policy["implementation"] in ("compiled", "Python")
        assert abr.find_policy(f"{policy['name']}@{policy['version']}").source == policy["source"]
    assert {"bba-2", "bola-e", "robust-mpc"} <= {policy["name"] for policy in listed}


def test_policies_table_has_one_line_per_policy(listed):
    done = CliRunner().invoke(group, ["policies"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[policy["name"], policy["version"]] for policy in listed]
