"""The command `shotladder`: the group, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import sys

import click

from shotladder import ShotladderError, __version__

__all__ = ["group", "main"]

#: Each command lives in `shotladder.commands.<name>` as `command`; its module is imported when it is called.
COMMANDS = {
    "compare": "Compare two ladders or policies on the same sessions.",
    "doctor": "Say what was found, what is missing and what to do.",
    "encode": "Turn a film into a DASH and HLS presentation.",
    "ladder": "Find the ladder of a film, without the final encodes.",
    "play": "Play a presentation on this machine, over a shaped network.",
    "score": "Measure VMAF of renditions against one reference.",
    "shots": "Find shots and measure their complexity.",
    "simulate": "Replay network traces over a presentation.",
    "store": "Show what the store of artefacts holds, or make it smaller.",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"shotladder.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table, so that `--help` imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shotladder")
def group() -> None:
    """Cut a film into shots, give each the bits it deserves, and show what viewers get."""


def main() -> None:
    """Run the command and exit: 0 done, 1 a fault told in one line, 2 wrong usage, 130 interrupted."""
    try:
        status = group.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except BrokenPipeError:
        # the reader of our output has gone; that is its right
        sys.stderr.close()
        sys.exit(0)
    except ShotladderError as error:
        click.echo("error: " + " ".join(str(error).split()), err=True)
        sys.exit(1)
    except OSError as error:
        # a full disk, a store that cannot be written: no fault of the program
        click.echo(f"error: {error.filename or 'input or output'}: {error.strerror or error}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
