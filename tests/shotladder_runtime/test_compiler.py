"""Kernels are kept on disk, and compiled again when any file that they are made of changes."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vmaf.native.kernels import adm_kernels, vif_kernels

REPOSITORY = Path(__file__).resolve().parents[2]

STEPS = """
from shotladder_runtime.kernels.vector import intrinsic_step
def body(a, out, row):
    out.store(0, 0, a.load(row, 0, 8) + {constant})
add = intrinsic_step(2, 1, body)
"""
KERNELS = """
from shotladder_runtime.kernels.compiler import kernel
from {package}steps import add
@kernel
def use(a, out):
    add(a, out, 0)
"""
RUN = """
import numpy as np
from {package}user import use
a, out = np.zeros((1, 8), np.int32), np.zeros((1, 8), np.int32)
use(a, out)
print(out[0, 0], sum(use.stats.cache_hits.values()))
"""


@pytest.mark.parametrize("package", ["", "library."])
def test_kernel_is_compiled_again_when_a_step_in_another_file_changes(tmp_path, package):
    folder = tmp_path / package.rstrip(".")
    folder.mkdir(exist_ok=True)
    if package:
        (folder / "__init__.py").write_text("")
    (folder / "user.py").write_text(KERNELS.format(package=package))

    def run(constant: int) -> list[str]:
        (folder / "steps.py").write_text(STEPS.format(constant=constant))
        environment = os.environ | {
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}",
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        code = RUN.format(package=package)
        return subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True).split()

    assert run(1) == ["1", "0"]
    assert run(1) == ["1", "1"]
    assert run(2) == ["2", "0"]
    assert run(2) == ["2", "1"]


def test_kernel_is_a_plain_function_when_the_compiler_is_off(tmp_path):
    """Tests of coverage and debuggers turn numba's compiler off."""
    (tmp_path / "plain.py").write_text(
        "from shotladder_runtime.kernels.compiler import kernel\n@kernel\ndef double(x):\n    return 2 * x\n"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"}
    program = "from plain import double; print(type(double).__name__, double(21))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["function", "42"]


def test_define_kernels_numbers_lines_after_the_end_of_the_file():
    for generated in (vif_kernels.reference_0_shallow, vif_kernels.shrink_0_deep, adm_kernels.numerator_fine):
        assert Path(inspect.getfile(generated.py_func)).is_file()
        # numba accepts this error only; Python 3.13 raises others where the line has another content
        with pytest.raises(OSError, match="out of bounds"):
            inspect.getsourcelines(generated.py_func)
