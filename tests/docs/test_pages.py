"""The documentation: links lead somewhere, commands have these options, Python blocks use names that exist."""

import ast
import importlib
import importlib.util
import json
import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest

from shotladder.cli import COMMANDS, group

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_generated", "_build"} & set(path.parts))
PACKAGES = ("shotladder", "encoder", "vmaf", "ladders", "abr", "delivery")
ids = [path.relative_to(DOCS).as_posix() for path in PAGES]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.S | re.M)


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def options_of(name: str) -> frozenset[str]:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    parameters = command.get_params(click.Context(command, help_option_names=["-h", "--help"]))
    return frozenset(option for each in parameters for option in (*each.opts, *each.secondary_opts))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target or "_generated/" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.is_file() or path.is_dir(), f"{page.name}: {target} does not exist"
        assert not anchor or path.suffix != ".md" or anchor in anchors(path), f"{page.name}: no heading {target}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_exist_with_their_options(page):
    text = "\n".join([*blocks(page, "sh"), *blocks(page, "")])
    for line in text.splitlines():
        if not line.startswith("shotladder "):
            continue
        _, name, *words = shlex.split(line, comments=True)
        if name == "help":
            continue
        assert name in COMMANDS, line
        unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options_of(name)]
        assert not unknown, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_options_in_the_text_exist(page):
    known = frozenset().union(*map(options_of, COMMANDS))
    # options of encoders, dask and ffmpeg stand in blocks or without backticks
    named = re.findall(r"`(?:encode |score |play |simulate |shotladder \w+ )?(--[a-z-]+)[^`]*`", page.read_text())
    assert [name for name in named if name not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_python_blocks_use_names_that_exist(page):
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in PACKAGES:
                assert hasattr(importlib.import_module(node.value.id), node.attr), f"{node.value.id}.{node.attr}"


def test_index_lists_every_page():
    listed = set(re.findall(r"^([\w/]+)$", "\n".join(blocks(DOCS / "index.md", r"\{toctree\}")), re.M))
    pages = {name.removesuffix(".md") for name in ids} - {"index"}
    assert {name for name in listed if not name.startswith("_generated/")} == pages


def test_render_commands_has_every_option():
    spec = importlib.util.spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.render_commands()
    for name in COMMANDS:
        section = text.partition(f"## shotladder {name}\n")[2].partition("\n## ")[0]
        assert all(option in section for option in options_of(name) if option.startswith("--")), name


@pytest.mark.parametrize("path", sorted((DOCS / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_run(path):
    namespace: dict[str, object] = {}
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), namespace)
    if path.stem == "shots":
        assert [shot.start for shot in namespace["shots"]] == [0, 24]
    else:
        assert namespace["own"].metrics["vmaf_mean"] is not None
