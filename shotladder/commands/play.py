"""`shotladder play`: a local server and player page, over a network that a trace shapes."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import click

import abr
from shotladder import ShotladderError
from shotladder.commands.options import json_flag, quiet_flag
from shotladder.pipeline.key_files import keys_of
from shotladder.pipeline.output import PRESENTATION
from shotladder.player import Link, open_server
from shotladder.progress import Reporter

__all__ = ["command"]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("play")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), help="Of the server [8000, or any that is free].")
@click.option("--trace", "trace_path", type=FILE, help="Let the network give what this trace says.")
@click.option("--trace-format", type=click.Choice(sorted(abr.FORMATS)), help="Instead of recognising it.")
@click.option("--player-js", type=FILE, help="Play with this hls.js, dash.js or Shaka Player, not the browser itself.")
@click.option("--keys", "keys_path", type=FILE, help="Of an encrypted presentation [those made with it].")
@click.option("--no-open", is_flag=True, help="Open no browser.")
@json_flag
@quiet_flag
def command(
    folder: Path,
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

    The page needs no network. It plays with the browser's own HLS (Chromium, Chrome, Edge, Safari); for others, and to
    watch another player's choices, name a player with --player-js; an encrypted presentation needs dash.js or Shaka
    Player, which are given its keys. Ctrl-C ends it.
    """
    for name in (PRESENTATION, "master.m3u8", "manifest.mpd"):
        if not (folder / name).is_file():
            raise ShotladderError(f"{folder}: no {name} there; give the folder that `shotladder encode` made")
    reporter = Reporter(quiet=quiet)
    trace = None if trace_path is None else abr.load_trace(trace_path, format=trace_format)
    for note in trace.notes if trace else ():
        reporter.say(f"{trace_path}: {note}")
    keys = keys_of(_document(folder / PRESENTATION), keys_path)
    if keys and player_js is None:
        raise ShotladderError(f"{folder}: is encrypted; name dash.js or Shaka Player with --player-js")
    with open_server(folder, port, None if trace is None else Link(trace), player_js, keys) as server:
        shaped = f" over {trace.name}, {trace.mean_rate / 1e6:.2f} Mbit/s on average" if trace else ""
        if as_json:
            click.echo(json.dumps({"url": server.url, "folder": str(folder), "trace": trace.name if trace else None}))
        reporter.say(f"{folder} is at {server.url}{shaped}; Ctrl-C ends it")
        if not no_open:
            webbrowser.open(server.url)
        server.serve_forever()


def _document(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ShotladderError(f"{path}: is damaged ({error})") from error
    return document
