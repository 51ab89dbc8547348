"""`shotladder steer`: the server that sends players to edges."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from shotladder import ShotladderError
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.reporter import Reporter

__all__ = ["command"]


@click.command("steer", cls=GroupedCommand)
@click.argument("config_path", metavar="CONFIG", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@option("Server", "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on.")
@option(
    "Server",
    "--port",
    metavar="NUMBER",
    type=click.IntRange(0, 65535),
    default=8040,
    show_default=True,
    help="Port of the server; 0 chooses a free one.",
)
@option(
    "Server",
    "--write",
    "static_path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one steering manifest for all clients and exit; any web server can serve it. Default: run the server.",
)
@json_flag
@quiet_flag
def command(config_path: Path, host: str, port: int, static_path: Path | None, as_json: bool, quiet: bool) -> None:
    """Answer the steering requests of players by the pathways in CONFIG, a TOML file.

    \b
    shotladder steer steering.toml --port 8040
    shotladder steer steering.toml --write steering.json

    Edges that are drained, fail their health checks, are overloaded, are slow for a client, are outside its region, or
    do not hold its title come later in the answer. A client stays at its edge while none of these changes. The log
    names the reason of each change.
    """  # noqa: D301 - click reads \b as "do not rewrap"
    reporter = Reporter(quiet=quiet)
    # the libraries take seconds to import, and `--help` needs none of them
    import delivery

    config = delivery.read_steering_config(config_path)
    if static_path is not None:
        decision = delivery.choose_pathways(config, delivery.Client(), {})
        try:
            static_path.write_bytes(delivery.steering_manifest(config, decision))
        except OSError as error:
            raise ShotladderError(f"{static_path}: cannot write: {error.strerror}") from error
        if as_json:
            click.echo(json.dumps({"file": str(static_path), "pathways": decision.order}))
        return
    titles = None
    if config.plan:
        held = delivery.read_held(config_path.parent / config.plan)
        unknown = sorted({edge.name for edge in config.pathway} - held.keys())
        if unknown:
            reporter.say(f"{config.plan}: has no site {', '.join(unknown)}; these may hold every title")
        titles = {name: frozenset(file.presentation for file in files) for name, files in held.items()}
    server = delivery.SteeringServer(config, reporter.say, titles)

    def ready(number: int) -> None:
        url = f"http://{host}:{number}/steer"
        reporter.say(f"{url}: steering {len(config.pathway)} pathways; stop with Ctrl-C")
        if as_json:
            click.echo(json.dumps({"url": url}))

    asyncio.run(server.serve(host, port, ready))
