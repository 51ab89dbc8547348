"""The store of artefacts: a folder, or a URL with a folder of local copies."""

from shotladder_runtime.store.atomic_file import atomic_write
from shotladder_runtime.store.pruning import Artefact, list_artefacts, prune
from shotladder_runtime.store.store import Store

__all__ = ["Artefact", "Store", "atomic_write", "list_artefacts", "prune"]
