"""`shotladder play`: a local server and player page, throttled according to a network trace."""

from __future__ import annotations

import json
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from shotladder import ShotladderError
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.library_values import TRACE_FORMATS
from shotladder.reporter import Reporter
from shotladder_runtime.json_document import parse_json

__all__ = ["command"]

#: An existing file.
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("play", cls=GroupedCommand)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@option(
    "Network",
    "--trace",
    "trace_path",
    metavar="FILE",
    type=FILE,
    help="Throttle the connection according to this network trace. Default: no throttling.",
)
@option(
    "Network",
    "--trace-format",
    type=click.Choice(TRACE_FORMATS),
    help="Format of the trace. Default: recognised from the content.",
)
@option(
    "Network",
    "--edges",
    "edge_count",
    metavar="COUNT",
    type=click.IntRange(2, 9),
    help="Serve the segments by this number of edge servers, shaped by --trace, with a steering server; the page can"
    " stop each of them. Requires --player-js. Default: one server.",
)
@option(
    "Network",
    "--port",
    metavar="NUMBER",
    type=click.IntRange(1, 65535),
    help="Port of the server. Default: 8000, or any free port if 8000 is in use.",
)
@option(
    "Player",
    "--player-js",
    metavar="FILE",
    type=FILE,
    help="JavaScript file of hls.js, dash.js or Shaka Player. Default: the HLS player of the browser.",
)
@option(
    "Player",
    "--keys",
    "keys_path",
    metavar="FILE",
    type=FILE,
    help="JSON file with the keys of an encrypted presentation. Default: the keys that `encode` saved.",
)
@option("Player", "--no-open", is_flag=True, help="Start the server without opening a browser.")
@json_flag
@quiet_flag
def command(
    folder: Path,
    edge_count: int | None,
    port: int | None,
    trace_path: Path | None,
    trace_format: str | None,
    player_js: Path | None,
    keys_path: Path | None,
    no_open: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Serve the presentation in DIR on this machine, with a page that plays it and shows what the player does.

    The page works without an internet connection. It uses the HLS player of the browser (Chromium, Chrome, Edge or
    Safari); --player-js selects another player, which other browsers require. Encrypted presentations require dash.js
    or Shaka Player, which receive the keys. Stop the server with Ctrl-C.
    """
    # the libraries take seconds to import, and `--help` needs none of them
    import abr
    from shotladder.pipeline.key_files import keys_of
    from shotladder.player import Link, open_server
    from shotladder.report.presentation_reader import PRESENTATION

    for name in (PRESENTATION, "master.m3u8", "manifest.mpd"):
        if not (folder / name).is_file():
            raise ShotladderError(f"{folder}: contains no {name}; name an output directory of `shotladder encode`")
    reporter = Reporter(quiet=quiet)
    trace = None if trace_path is None else abr.load_trace(trace_path, format=trace_format)
    for note in trace.notes if trace else ():
        reporter.say(f"{trace_path}: {note}")
    keys = keys_of(_document(folder / PRESENTATION), keys_path, str(folder / PRESENTATION))
    if keys and player_js is None:
        raise ShotladderError(f"{folder}: is encrypted, which requires --player-js with dash.js or Shaka Player")
    if edge_count and player_js is None:
        raise click.UsageError("--edges requires --player-js: the HLS player of the browser does not know steering")
    # with edges, the trace shapes each of them, and not the server of the manifests
    link = None if trace is None or edge_count else Link(trace)
    with ExitStack() as stack:
        server = stack.enter_context(open_server(folder, port, link, player_js, keys))
        if edge_count:
            from shotladder.player.edges import open_edges

            lowest = min(rung.bitrate for rung in abr.load_presentation(folder).rungs)
            server.edges = stack.enter_context(open_edges(server, edge_count, lowest, [trace] if trace else []))
        shaped = f" over {trace.name} (mean {trace.mean_rate / 1e6:.2f} Mbit/s)" if trace else ""
        if as_json:
            click.echo(json.dumps({"url": server.url, "folder": str(folder), "trace": trace.name if trace else None}))
        reporter.say(f"serving {folder} at {server.url}{shaped}; stop with Ctrl-C")
        if not no_open:
            webbrowser.open(server.url)
        server.serve_forever()


def _document(path: Path) -> Any:
    try:
        text = path.read_bytes().decode()
    except ValueError as error:
        raise ShotladderError(f"{path}: is not valid JSON ({error})") from error
    return parse_json(text, str(path))
