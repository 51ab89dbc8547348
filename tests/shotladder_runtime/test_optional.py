"""Optional packages: imported when needed, and one line when they are missing."""

import sys

import pytest

from shotladder_runtime.errors import MissingPackageError, ShotladderError
from shotladder_runtime.optional import require


def test_require_returns_the_module_itself_for_a_submodule():
    assert require("xml.etree.ElementTree", extra="pandas") is sys.modules["xml.etree.ElementTree"]


@pytest.mark.parametrize("module", ["pandas", "matplotlib.pyplot"])
def test_require_names_the_extra_in_one_line_when_the_package_is_missing(module, monkeypatch):
    # None in sys.modules makes an import of this name fail as if nothing were installed
    package = module.partition(".")[0]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError) as caught:
        require(module, extra="plot")
    assert str(caught.value) == f"{package} is not installed: pip install 'shotladder[plot]'"
    assert isinstance(caught.value, ShotladderError)
    assert isinstance(caught.value, ImportError)


def test_require_does_not_blame_the_package_for_a_missing_dependency(tmp_path, monkeypatch):
    (tmp_path / "installed_package.py").write_text("import dependency_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="dependency_that_is_missing") as caught:
        require("installed_package", extra="plot")
    assert not isinstance(caught.value, ShotladderError)
