"""Run benchmarks: all of them, or those that are named."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time

import benchmarks


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all; each writes its figures beside itself as well."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")]
    unknown = sorted(set(names) - set(found))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(found)}", file=sys.stderr)
        return 2
    for name in names or found:
        print(f"== {name}", flush=True)
        begun = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            module.main()
        print(f"== {name}: {time.monotonic() - begun:.0f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
