"""What an installation consists of: bounded versions, and licences that allow every use."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.supply.bill_of_materials import PROGRAMS, list_components, make_document, normalise

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())]
#: Licences that allow use, change and distribution without conditions on other code.
PERMISSIVE = re.compile(
    r"(?i)\b(mit|bsd|apache|isc|python software foundation|psf|zlib|unlicense|hpnd|cc0|0bsd|mit-cmu)"
)
#: Licences with conditions on changed copies of the package itself, which shotladder does not make.
WEAK_COPYLEFT = {"certifi": "MPL", "tqdm": "MPL"}


@pytest.fixture(scope="module")
def components():
    return list_components()


def test_list_components_finds_every_dependency(components):
    names = {component.name for component in components}
    assert {normalise(Requirement(text).name) for text in PROJECT["dependencies"]} <= names
    assert "llvmlite" in names


def test_every_licence_is_permissive(components):
    others = {
        component.name: component.licence
        for component in components
        if not PERMISSIVE.search(component.licence) and WEAK_COPYLEFT.get(component.name, "\0") not in component.licence
    }
    assert others == {}


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_every_requirement_has_a_lower_bound(text):
    assert any(each.operator in (">=", "==", "~=") for each in Requirement(text).specifier)


def test_make_document_lists_packages_and_the_programs_in_them(components):
    document = json.loads(json.dumps(make_document(components)))
    assert document["bomFormat"] == "CycloneDX"
    references = [entry["bom-ref"] for entry in document["components"]]
    assert len(references) == len(set(references)) == len(components) + len(PROGRAMS)
    assert {each for entry in document["dependencies"] for each in entry["dependsOn"]} <= set(references)


def test_documentation_states_the_licences_of_programs():
    text = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
    for package, program, licence, _ in PROGRAMS:
        assert re.search(rf"{program}.*{package}.*{re.escape(licence)}", text)
