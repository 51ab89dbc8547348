"""Changed versions of a module: each differs from it in one operator, constant or statement of a function."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

#: What each operator is replaced by.
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
#: What each function is replaced by.
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed version of a module.

    Attributes
    ----------
    line : int
    text : str
        What was changed.
    code : code object
        Of the whole module.
    """

    line: int
    text: str
    code: CodeType


def make_mutants(source: str, path: str) -> Iterator[Mutant]:
    """Yield a mutant for each change of the functions of a module; texts, annotations and decorators stay as they are.

    Constants of the module and defaults of parameters are not changed: they have their values before a test runs.
    """
    tree = ast.parse(source)
    for index, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.FunctionDef):
            continue
        for place in range(len(_places(node))):
            changed = copy.deepcopy(tree)
            where = _places(_node_at(changed, index))[place]
            before = ast.unparse(where).splitlines()[0]
            if _change(where):
                ast.fix_missing_locations(changed)
                text = f"{before} -> {ast.unparse(where).splitlines()[0]}"
                yield Mutant(where.lineno, text, compile(changed, path, "exec"))


def _node_at(tree: ast.AST, index: int) -> ast.FunctionDef:
    node = [*ast.walk(tree)][index]
    assert isinstance(node, ast.FunctionDef)
    return node


def _places(function: ast.FunctionDef) -> list[Any]:
    """Return the statements and expressions of a function that can be changed, without those of nested functions."""
    found: list[ast.AST] = []
    left: list[ast.AST] = [*function.body]
    while left:
        node = left.pop(0)
        if isinstance(node, ast.FunctionDef | ast.JoinedStr | ast.Raise):
            continue
        if isinstance(node, ast.stmt | ast.expr):
            found.append(node)
        left += [
            child
            for name, field in ast.iter_fields(node)
            if name not in ("annotation", "returns", "ctx")
            for child in (field if isinstance(field, list) else [field])
            if isinstance(child, ast.AST)
        ]
    return found


def _change(node: Any) -> bool:
    """Change a node; return whether there is something to change."""
    match node:
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Compare(ops=[operator]) if type(operator) in OPERATORS:
            node.ops = [OPERATORS[type(operator)]()]
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if type(node.op) in OPERATORS and not _is_text(node):
            node.op = OPERATORS[type(node.op)]()
        case ast.UnaryOp(op=ast.USub()):
            node.op = ast.UAdd()
        case ast.UnaryOp(op=ast.Not()):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int() | float()):
            node.value += 1
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            node.func = ast.Name(FUNCTIONS[name], ast.Load())
        case ast.Expr(value=ast.Call()):
            node.value = ast.Constant(None)
        case ast.Return(value=ast.expr()) if not _is_none(node.value):
            node.value = ast.Constant(None)
        case _:
            return False
    return True


def _is_text(node: ast.AST) -> bool:
    parts = ast.walk(node)
    return any(isinstance(each, ast.Constant) and isinstance(each.value, str | bytes) for each in parts)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
