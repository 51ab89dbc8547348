"""Texts that users read are plain: each option has a whole sentence, and no text contains a word of the banned list."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from shotladder.cli import COMMANDS, group
from shotladder.commands.options.grouped_command import GroupedCommand

REPOSITORY = Path(__file__).parents[1]

#: Words and phrases that STYLE replaces. A file name such as film.mp4 or film/ and film grain are allowed.
BANNED = re.compile(
    r"\b(films?(?![.\w/]|[- ]grain)|so many|told|tells|(?<!there )is no(?! longer)|(?<!there )is none|but for"
    r"|leaves? alone|lender|rough(ly)? trials?|trial encodes?|doubt|landings?)\b",
    re.IGNORECASE,
)

#: Files that are checked as a whole; globs relative to the repository. Extend the list when a file is rewritten.
TEXT_FILES = (
    "README.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "docs/*.md",
    "ladders/shots/models/*.md",
    "shotladder/player/page/*",
    "shotladder/report/report.js",
    "shotladder/report/session_page.html",
    "shotladder/report/template.html",
)

#: Python files whose messages are checked: errors, notes, stages and printed lines.
MESSAGE_FILES = tuple(
    f"{package}/**/*.py"
    for package in ("abr", "delivery", "encoder", "ladders", "shotladder", "shotladder_runtime", "vmaf")
)

#: Functions whose string arguments are messages.
MESSAGE_FUNCTIONS = {"BadParameter", "UsageError", "add_column", "echo", "fail", "say", "stage"}

#: Beginnings of a fragment that needs the name of the option to be understood.
FRAGMENTS = ("Of ", "The encoder's", "How many", "Instead of", "With --", "[")


def find_files(globs: tuple[str, ...]) -> list[str]:
    """Return the paths that match; each glob must match one."""
    found: list[str] = []
    for each in globs:
        paths = sorted(path for path in REPOSITORY.glob(each) if path.is_file())
        assert paths, f"{each} matches no file"
        found += [path.relative_to(REPOSITORY).as_posix() for path in paths]
    return found


def list_commands() -> dict[str, click.Command]:
    """Return the group and all commands by name."""
    context = click.Context(group)
    return {"shotladder": group} | {name: group.get_command(context, name) for name in COMMANDS}


def list_options() -> list[tuple[str, click.Option]]:
    """Return every option with its name, `command --option`."""
    return [
        (f"{name} {parameter.opts[0]}", parameter)
        for name, command in list_commands().items()
        for parameter in command.get_params(click.Context(command, help_option_names=["-h", "--help"]))
        if isinstance(parameter, click.Option)
    ]


def find_messages(source: str) -> Iterator[str]:
    """Yield the string literals of raised errors and of calls of `MESSAGE_FUNCTIONS`; {} is a value of an f-string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from find_literals(node.exc)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            if name in MESSAGE_FUNCTIONS:
                yield from find_literals(node)


def find_literals(node: ast.AST) -> Iterator[str]:
    """Yield the string literals below a node, an f-string as one."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from find_literals(child)


def explain_fault(option: click.Option) -> str | None:
    """Return why the help of an option is not a whole sentence with unit and default, or None."""
    text = option.help or ""
    if not re.match(r"[A-Z`]", text) or not text.endswith("."):
        return "is not a sentence"
    if text.startswith(FRAGMENTS):
        return "is a fragment"
    if re.search(r"\[[^\]{\"]*\]", text):
        return "has a default in brackets"
    if BANNED.search(text):
        return "contains a banned word"
    if option.metavar == "SECONDS" and "second" not in text:
        return "has no unit"
    flag = option.is_flag or option.required or option.count
    if not flag and option.show_default in (None, False) and not re.search(r"\bDefault: \S", text + " "):
        if option.multiple and "repeatable" in text:
            return None
        return "has no default"
    return None


@pytest.mark.parametrize(("name", "option"), [pytest.param(*each, id=each[0]) for each in list_options()])
def test_help_of_every_option_is_a_sentence_with_unit_and_default(name, option):
    assert explain_fault(option) is None, f"{name}: {option.help}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "is not a sentence"),
        ("seconds that the player holds", "is not a sentence"),
        ("Seconds that the player holds", "is not a sentence"),
        ("Of the top rung. Default: 93.", "is a fragment"),
        ("Length of the buffer [as large as need be].", "has a default in brackets"),
        ("Length of the film in seconds. Default: 4.", "contains a banned word"),
        ("Length of the buffer. Default: 4.", "has no unit"),
        ("Length of the buffer in seconds.", "has no default"),
        ("Length of the buffer in seconds. Default: 4.", None),
    ],
)
def test_explain_fault_finds_help_that_is_not_a_sentence(text, fault):
    assert explain_fault(click.Option(["--buffer"], metavar="SECONDS", type=float, help=text)) == fault


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_groups_its_options_and_has_a_summary(name):
    command = list_commands()[name]
    assert isinstance(command, GroupedCommand)
    text = command.help.splitlines()[0]
    assert text[0].isupper()
    assert not BANNED.search(command.help)
    assert not BANNED.search(COMMANDS[name])
    assert COMMANDS[name].endswith(".")


@pytest.mark.parametrize("path", find_files(MESSAGE_FILES))
def test_messages_contain_no_banned_words(path):
    messages = find_messages((REPOSITORY / path).read_text())
    assert [message for message in messages if BANNED.search(message)] == []


@pytest.mark.parametrize("path", find_files(TEXT_FILES))
def test_texts_contain_no_banned_words(path):
    lines = (REPOSITORY / path).read_text().splitlines()
    assert [line for line in lines if BANNED.search(line)] == []


@pytest.mark.parametrize(
    "source",
    [
        'raise ValueError(f"{path}: not a film")',
        'raise OSError("no file") if x else OSError(f"{x!r} is none of {y}")',
        'self.fail(f"{value!r} is no age", param, ctx)',
        'reporter.say("the ladder is" " told")',
        'with reporter.stage("trial encodes"):\n    pass',
    ],
)
def test_find_messages_finds_banned_words(source):
    assert any(BANNED.search(message) for message in find_messages(source))


@pytest.mark.parametrize("text", ["film.mp4", "film/master.m3u8", "it is not empty", "filmed", "at least 2"])
def test_banned_words_allow_file_names_and_other_words(text):
    assert not BANNED.search(text)
