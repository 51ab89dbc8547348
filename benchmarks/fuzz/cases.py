"""One case: a valid file, changed, is read; the result is a value, an error in one line, or a finding."""

from __future__ import annotations

import random
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.formats import FORMATS
from benchmarks.fuzz.mutations import MUTATORS
from shotladder_runtime.errors import ShotladderError

__all__ = ["FINDINGS", "Outcome", "run_case", "write_case"]

#: Results that are faults of the reader. A warning of a library is printed among the lines of a command.
FINDINGS = ("uncaught", "hang", "crash", "no place", "warning")
#: Structures whose errors need not name the file: the command names the source.
_MEDIA = ("boxes", "subtitles")


@dataclass(frozen=True)
class Outcome:
    """The result of a case: "read", "refused" or one of `FINDINGS`; what was raised or printed; where."""

    format: str
    number: int
    kind: str
    text: str = ""
    place: str = ""


def write_case(corpus: Path, name: str, seed: int, number: int) -> Path:
    """Write the changed file of a case beside the valid file, and return its path."""
    rng = random.Random(f"{seed} {name} {number}")
    valid = rng.choice(FORMATS[name].list_seeds(corpus))
    path = valid.with_name(f"case-{number}-{valid.name}")
    path.write_bytes(MUTATORS[FORMATS[name].structure](valid.read_bytes(), rng))
    return path


def run_case(corpus: Path, name: str, seed: int, number: int) -> Outcome:
    """Run a case in this process."""
    path = write_case(corpus, name, seed, number)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            FORMATS[name].read(path)
    except ShotladderError as error:
        is_placed = path.name in str(error) or FORMATS[name].structure in _MEDIA
        return Outcome(name, number, "refused" if is_placed else "no place", str(error)[:300])
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        text = f"{type(error).__name__}: {error}"[:300]
        ours = [f for f in frames if "site-packages" not in f.filename and "/benchmarks/" not in f.filename]
        last = (ours or list(frames))[-1]
        return Outcome(name, number, "uncaught", text, f"{Path(last.filename).name}:{last.lineno} {last.name}")
    finally:
        path.unlink()
    if caught:
        place = f"{Path(caught[0].filename).name}:{caught[0].lineno}"
        return Outcome(name, number, "warning", str(caught[0].message)[:300], place)
    return Outcome(name, number, "read")
