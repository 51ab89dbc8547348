"""The BBA policies as plain Python decide as their reference implementations.

A second copy of the module is loaded without the compiler, so that coverage and mutation testing see its lines.
"""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest

import abr
from abr.policies import bba as compiled
from abr.policies.bba import SHIFT, STEADY
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, START, PolicyContext
from shotladder_runtime.kernels import compiler
from tests.abr.conftest import random_trace
from tests.naive.sessions import NaiveBBA0, NaiveBBA1, NaiveBBA2, NaiveBBAOthers, naive_session

REFERENCES = {"bba-0": NaiveBBA0, "bba-1": NaiveBBA1, "bba-2": NaiveBBA2, "bba-others": NaiveBBAOthers}


def load_policies():
    """Return the policies of the module without the compiler, by name."""
    spec = importlib.util.spec_from_file_location("plain_bba", compiled.__file__)
    plain = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "inline", lambda function: function)
        spec.loader.exec_module(plain)
    return {policy.name: policy for policy in plain.POLICIES}


#: Loaded once, before a benchmark changes the code of its functions.
POLICIES = load_policies()


class Plain:
    """A policy with the interface of the reference implementations."""

    def __init__(self, policy, pres, capacity):
        durations = 1000 * np.asarray(pres.durations)
        sizes = 8.0 * pres.sizes
        self.function = policy.function
        self.context = PolicyContext(sizes, np.zeros(sizes.shape), pres.bitrates / 1000, durations, 1000 * capacity)
        self.constants = policy.constants(self.context)
        self.memory = np.zeros(policy.memory_size(self.context))
        self.state = SimpleNamespace(
            buffer=0.0,
            segment=0,
            last_rung=-1,
            buffer_capacity=1000 * capacity,
            elapsed=0.0,
            abandon_target=-1,
            segment_count=len(durations),
        )
        assert self.call(START) == 0

    def call(self, event):
        return self.function(event, self.state, self.context, self.constants, self.memory)

    def choose(self, n, buffer):
        self.state.segment, self.state.buffer = n, 1000 * buffer
        return self.call(DECIDE)

    def downloaded(self, n, rung, seconds, buffer):
        self.state.segment, self.state.last_rung = n + 1, rung
        self.state.elapsed, self.state.buffer = 1000 * seconds, 1000 * buffer
        self.call(DOWNLOADED)


@pytest.mark.parametrize("capacity", [20.0, 240.0])
@pytest.mark.parametrize("name", REFERENCES)
def test_bba_functions_equal_reference_implementation(film, networks, name, capacity):
    for trace in (*networks, random_trace(11, 1.2e6)):
        expected = naive_session(film, trace, REFERENCES[name](film, capacity), capacity)
        found = naive_session(film, trace, Plain(POLICIES[name], film, capacity), capacity)
        assert found[0] == expected[0]


def steady(name, pres, buffer, rung=0):
    """Return a policy after its startup and one download, with an exact buffer level."""
    policy = Plain(POLICIES[name], pres, 240.0)
    policy.memory[STEADY] = 1.0
    policy.downloaded(0, rung, 1.0, buffer)
    return policy


@pytest.mark.parametrize(("buffer", "shift"), [(179.999, 400.0), (180.0, 0.0)])
def test_bba_1_shifts_the_map_below_three_quarters_of_the_buffer_only(film, buffer, shift):
    assert steady("bba-1", film, buffer).memory[SHIFT] == pytest.approx(shift)


@pytest.mark.parametrize(("buffer", "rung"), [(120.0, 0), (119.999, 1)])
def test_bba_others_looks_ahead_to_the_chunk_that_begins_where_the_buffer_ends(buffer, rung):
    sizes = np.full((50, 2), (100_000, 120_000))
    # 120 s after the next chunk begins
    sizes[31, 1] = 2_000_000
    pres = abr.Presentation("video", (abr.Rung("a", 200_000), abr.Rung("b", 300_000)), np.full(50, 4.0), sizes)
    assert steady("bba-others", pres, buffer).choose(1, buffer) == rung
