"""The command recovers from faults on purpose: a small part of `make chaos`."""

import random
import signal

import pytest

from benchmarks.chaos import fault_campaign as campaign
from benchmarks.chaos import process_faults, store_faults
from benchmarks.chaos.fault_kind import Fault, FaultKind, TooLateError
from benchmarks.chaos.recovery_check import check_recovery, check_store
from benchmarks.chaos.trial import open_trial
from shotladder_runtime.store import checksums

#: Kinds that the tests try once: each ends a run in another way, or damages another thing.
TRIED = (
    "kill the command",
    "SIGTERM",
    "end an ffmpeg child",
    "end the packager",
    "damage artefacts at rest",
    "half-written files",
    "damaged presentation",
)


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return campaign.make_control(tmp_path_factory.mktemp("control"), runs=1)


def find_kind(name: str) -> FaultKind:
    (kind,) = (kind for kind in campaign.KINDS if kind.name == name)
    return kind


@pytest.mark.parametrize("name", TRIED)
def test_try_fault_finds_nothing_unhandled(control, name):
    for attempt in range(campaign.ATTEMPTS):
        try:
            result = campaign.try_fault(find_kind(name), control, random.Random(attempt))
        except TooLateError:
            continue
        assert result.faults == ()
        return
    pytest.fail("every run ended before its fault")


def test_check_store_finds_an_artefact_of_other_content(control):
    with open_trial(control.source, store=control.store) as trial:
        assert check_store(trial, control) == []
        path = store_faults.list_artefacts(trial.store, "chunk")[0]
        store_faults.truncate(path, random.Random(1))
        assert check_store(trial, control) == [], "it counts as absent"
        checksums.write(path, checksums.measure(path))
        assert len(check_store(trial, control)) == 1


def test_check_recovery_finds_what_differs_and_what_is_left(control):
    with open_trial(control.source, store=control.store) as trial:
        (trial.temporary / "left").touch()
        faults = check_recovery(trial, control, 0, "")
        assert "left behind: tmp/left" in faults
        assert "presentation.json differs" in faults
        assert check_recovery(trial, control, 1, "error: no") == ["the same command ended with 1: error: no"]


def test_choose_kinds_holds_every_kind_with_a_weight():
    chosen = campaign.choose_kinds(200, random.Random(1))
    assert len(chosen) >= 200
    assert set(chosen) == {kind for kind in campaign.KINDS if kind.weight}


def test_run_faults_goes_on_after_the_results_of_a_file(control, tmp_path, monkeypatch):
    tried = []

    def try_fault(kind, control, rng):
        tried.append(kind.name)
        return campaign.Result(kind, "SIGKILL", None, ("a key in out",), 1.5)

    monkeypatch.setattr(campaign, "try_fault", try_fault)
    kinds = campaign.choose_kinds(40, random.Random(1))[:5]
    first = campaign.run_faults(kinds[:3], control, 1, file=tmp_path / "results")
    both = campaign.run_faults(kinds, control, 1, file=tmp_path / "results")
    assert tried == [kind.name for kind in kinds]
    assert both[:3] == first
    assert [result.kind for result in both] == kinds


def test_wait_for_stage_waits_for_the_cpu_time_of_the_stage(control):
    with open_trial(control.source) as trial:
        run = trial.start()
        assert run.wait_for_stage("shots")
        before = run.cpu_seconds()
        assert run.wait_for_stage("shots", 0.2)
        assert run.cpu_seconds() >= before + 0.2


def test_try_fault_reports_a_fault_that_is_not_handled(control):
    def damage_source(scene):
        process_faults.send_signal(signal.SIGKILL, scene)
        scene.control.other.replace(scene.trial.source)
        return Fault("another source")

    control.other.with_name("copy.mp4").write_bytes(control.other.read_bytes())
    result = campaign.try_fault(FaultKind("other", "", damage_source), control, random.Random(3))
    control.other.with_name("copy.mp4").replace(control.other)
    assert "presentation.json differs" in result.faults
