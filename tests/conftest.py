"""Fixtures of all tests."""

import signal
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

# what runs in the background of a script ignores interrupts, and so would the commands that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real clips, traces and known answers, or skip."""
    if not SHARED.is_dir():
        pytest.skip("the real clips and known answers are not beside this checkout")
    return SHARED
