"""Fixtures of all tests."""

import signal
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

# what runs in the background of a script ignores interrupts, and so would the commands that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)


#: Files whose sessions wait for several players at once; one process plays one after the other.
SEVERAL_PLAYERS = ("tests/browser/test_edges.py", "tests/browser/test_fidelity.py")
BROWSER = "tests/browser/"
#: Begin of the ids of tests that begin first: those that wait for browsers, while other processes compute, then those
#: with the longest encodes, so that no process is left alone with them at the end. Chosen by hand.
FIRST = (
    *SEVERAL_PLAYERS,
    BROWSER,
    "tests/shotladder/",
    "tests/shotladder_runtime/test_lost_workers.py",
    "tests/benchmarks/test_campaign.py",
    "tests/chaos/",
    "tests/ladders/",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: next((n for n, name in enumerate(FIRST) if item.nodeid.startswith(name)), len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each file to one process, and the files of browser tests to two."""
    from xdist.scheduler import LoadFileScheduling

    class SharedBrowser(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            if file in SEVERAL_PLAYERS:
                return SEVERAL_PLAYERS[0]
            return BROWSER if file.startswith(BROWSER) else file

    if config.getoption("dist") != "loadfile":
        return None
    # the number of tests, by which files would be sorted, does not grow with their time
    config.option.loadscopereorder = False
    return SharedBrowser(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real clips, traces and known answers, or skip."""
    if not SHARED.is_dir():
        pytest.skip("the real clips and known answers are not beside this checkout")
    return SHARED
