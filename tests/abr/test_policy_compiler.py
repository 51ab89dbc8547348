"""The cache of compiled policies: its key covers each source file, and it is optional."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from numba import config

import abr
from abr.policies.pensieve_bb import pensieve_bb
from abr.policies.rate_based import rate_based
from abr.policy_interface.policy_compiler import compile_policy
from shotladder_runtime.kernels.compiler import source_files

SIMULATE = """
import abr, numpy as np
print(abr.__file__)
rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 3_000_000))
pres = abr.Presentation("film", rungs, np.full(5, 4.0), np.full((5, 2), [500_000, 1_500_000]))
print(abr.simulate(pres, abr.Trace("steady", [10], [9e6], [0.05]), "bb", buffer=30).rungs)
"""


def test_source_files_contain_each_module_of_the_session_kernel():
    files = {path.name for path in source_files("abr.player.kernels.session_kernel")}
    assert files >= {
        "session_kernel.py",
        "download_kernel.py",
        "network_kernel.py",
        "playback_kernel.py",
        "compiler.py",
    }
    assert "dash_manifest.py" not in files


def test_compile_policy_works_without_a_writable_folder(tmp_path):
    library = tmp_path / "library"
    package = Path(abr.__file__).parent
    shutil.copytree(package, library / "abr", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package.parent / "shotladder_runtime", library / "shotladder_runtime")
    # a file has the name of each cache folder, so that not even root can write there
    for folder in (library / "abr", library / "abr/policies", library / "abr/policy_interface"):
        (folder / "__pycache__").write_text("")
    blocked = tmp_path / "home"
    blocked.write_text("")
    environment = os.environ | {
        "HOME": str(blocked),
        "XDG_CACHE_HOME": str(blocked),
        "PYTHONPATH": str(library),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SIMULATE], capture_output=True, text=True, timeout=400, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert str(library) in done.stdout
    assert "(0, " in done.stdout


def test_compile_policy_finds_each_policy_on_the_disk_after_another_was_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    policies = (pensieve_bb, rate_based)
    for policy in policies:
        assert compile_policy(policy).cache_hits == 0
    assert [compile_policy(policy).cache_hits for policy in policies] == [1, 1]
