"""Import optional packages at the moment they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from shotladder_runtime.errors import MissingPackageError

__all__ = ["require"]


def require(module: str, *, extra: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Name of the module, such as `"pandas"` or `"matplotlib.pyplot"`.
    extra : str
        Extra of the distribution `shotladder` that installs the package.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingPackageError
        When the package is not installed; the message names the extra.

    Examples
    --------
    >>> require("json", extra="pandas").dumps([1])
    '[1]'
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # a package that is installed, but lacks one of its own dependencies, is another fault
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingPackageError(f"{package} is not installed: pip install 'shotladder[{extra}]'") from error
