"""Compile kernels with numba, and keep the machine code on disk until a file that it is made of changes.

numba's disk cache checks only the file of the kernel itself, so an edit of a function that the kernel calls, of a
constant that it reads or of a `vector` step that it inlines would go unnoticed. Here the cache of each kernel is
stamped with the hash of every file that its module imports, directly or through other modules. Where no cache can
be written, kernels are compiled for the process alone.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from numba import njit

__all__ = ["define_kernels", "inline", "kernel", "noinline", "source_files", "stamp"]

#: Line at which generated source begins, after the end of every file of the project.
_GENERATED_LINE = 10_000
#: Installed packages, which are followed only within the kernel's own package.
_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib"))
#: CPython 3.11 counts the recursion of all threads that build syntax trees together, and then raises SystemError.
_PARSING = Lock()
#: Whole packages that decide machine code and whose versions numba itself checks, or that never change alone.
_NOT_FOLLOWED = frozenset({*sys.stdlib_module_names, "llvmlite", "numba", "numpy", "scipy"})


def kernel(
    function: Callable[..., Any] | None = None,
    *,
    signature: Any = None,
    counts_references: bool = True,
    **options: Any,
) -> Any:
    """Compile a kernel that runs without the interpreter's lock, and keep its machine code on disk.

    Parameters
    ----------
    function : callable, optional
        The function, where the decorator is used without brackets.
    signature : optional
        numba signature to compile for at once; by default the kernel is compiled when it is first called.
    counts_references : bool
        False for kernels that allocate nothing: numba need not count references to arrays, which can take a third
        of the time of a short kernel.
    **options
        Further options of `numba.njit`, such as `fastmath` or `error_model` ("numpy" by default: a division by zero
        gives infinity or NaN).

    Returns
    -------
    numba dispatcher, or a decorator if no function is given

    Examples
    --------
    >>> @kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    if function is None:
        return lambda each: kernel(each, signature=signature, counts_references=counts_references, **options)
    options = {"nogil": True, "error_model": "numpy", "_nrt": counts_references, **options}
    try:
        dispatcher = stamp(njit(cache=True, **options)(function), function.__module__)
    except RuntimeError:  # numba found no folder that it may write to
        dispatcher = njit(**options)(function)
    if signature is not None:
        dispatcher.compile(signature)
        dispatcher.disable_compile()
    return dispatcher


def define_kernels(source: str, namespace: dict[str, Any]) -> None:
    """Define the kernels of generated source code in the namespace of a module.

    They belong to the file of the module, so that numba caches them and compiles them again when the file changes.
    Their lines are numbered after its end: numba reads the source of a kernel by file and line, accepts that a line
    does not exist, and fails on Python 3.13 where another line is there.
    """
    exec(compile("\n" * _GENERATED_LINE + source, namespace["__file__"], "exec"), namespace)  # noqa: S102


def inline(function: Callable[..., Any]) -> Any:
    """Compile a function into every kernel that calls it; the function allocates nothing."""
    return njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)(function)


def noinline(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call; the function allocates nothing.

    It is for code that few sessions run: inlined, it would slow down the loop around it.
    """
    return njit(nogil=True, error_model="numpy", _nrt=False)(function)


def stamp(compiled: Any, *modules: str) -> Any:
    """Key the disk cache of a dispatcher or C callback to all files that its modules are made of.

    Parameters
    ----------
    compiled : numba dispatcher or C callback
        With caching enabled.
    *modules : str
        Names of the modules that define what is compiled.

    Notes
    -----
    numba offers no public way to do this. It compares the stamp of its index file, a pair of modification time and
    size, with `_cache._cache_file._source_stamp`; the hash stands in for the size.
    """
    digest = _digest(modules)
    # a function that numba leaves as it is (NUMBA_DISABLE_JIT) has no cache
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if digest and file is not None:
        file._source_stamp = (0.0, int.from_bytes(digest[:7]))
    return compiled


def source_files(*modules: str) -> list[Path]:
    """Return the files that modules are made of: their own and, recursively, those that they import.

    Modules of the standard library, of numba, numpy and scipy, and of installed packages other than the modules' own
    and `shotladder_runtime` are not followed.
    """
    packages = {name.partition(".")[0] for name in (*modules, __name__)}
    found: dict[str, Path] = {}
    waiting = [*modules, __name__]
    while waiting:
        name = waiting.pop()
        if name in found or name.partition(".")[0] in _NOT_FOLLOWED:
            continue
        path = _file_of(name)
        if path is None or (
            name.partition(".")[0] not in packages and any(path.is_relative_to(each) for each in _INSTALLED)
        ):
            continue
        found[name] = path
        waiting.extend(_imported(path, name))
    return sorted(set(found.values()))


@cache
def _digest(modules: tuple[str, ...]) -> bytes:
    if all(_file_of(name) is None for name in modules):
        return b""
    digest = hashlib.sha256()
    for path in source_files(*modules):
        digest.update(_content(path))
    return digest.digest()


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _file_of(name: str) -> Path | None:
    """Return the source file of a module; None if there is none, or if the name is not a module's."""
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None)
    if module is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        origin = spec.origin if spec else None
    return Path(origin).resolve() if origin and origin.endswith(".py") else None


@cache
def _imported(path: Path, name: str) -> tuple[str, ...]:
    with _PARSING:
        tree = ast.parse(_content(path))
    return tuple(_import_names(tree, name, is_package=path.name == "__init__.py"))


def _import_names(tree: ast.AST, name: str, *, is_package: bool) -> Iterator[str]:
    """Yield the names of modules, and of attributes that may be modules, which a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                parent = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parent, base] if base else parent)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
