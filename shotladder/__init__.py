"""The front door: the command, the pipeline that joins the libraries, the report."""

from importlib.metadata import version

from shotladder_runtime.errors import ShotladderError

__all__ = ["ShotladderError", "__version__"]

__version__ = version("shotladder")
