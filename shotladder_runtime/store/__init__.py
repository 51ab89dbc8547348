"""The store of artefacts: a folder, or a URL with a folder of copies."""

from shotladder_runtime.store.pruning import Artefact, artefacts, prune
from shotladder_runtime.store.store import Store
from shotladder_runtime.store.whole_file import write_whole

__all__ = ["Artefact", "Store", "artefacts", "prune", "write_whole"]
