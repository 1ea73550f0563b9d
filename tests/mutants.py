"""Small random changes to code, as slips of the hand are: what a check of an exercise must notice."""

import ast
import copy
import linecache
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from course_utils.exercises.engine.exercise import define, source_of

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATIONS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
TWINS = {"max": "min", "sum": "mean", "any": "all", "argmax": "argmin", "sin": "cos", "zeros": "ones", "triu": "tril"}
TWINS |= {"softmax": "log_softmax", "floor": "ceil", "exp": "log", "keys": "values", "sorted": "list"}
TWINS |= {other: one for one, other in TWINS.items()}


def changes(node: ast.AST, parameters: list[str]) -> Iterator[ast.AST]:
    """All that one node may become."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        yield ast.BinOp(node.left, OPERATIONS[type(node.op)](), node.right)
        yield node.left
        yield node.right
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
    if isinstance(node, ast.Constant) and type(node.value) is float:
        yield from (ast.Constant(node.value * 2), ast.Constant(node.value / 2))
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    if isinstance(node, ast.Slice):
        yield from (ast.Slice(None, node.upper, node.step), ast.Slice(node.lower, None, node.step))
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in parameters:
        yield from (ast.Name(other, ast.Load()) for other in parameters if other != node.id)
    if isinstance(node, ast.AugAssign | ast.Expr | ast.Continue | ast.Break) and not is_docstring(node):
        yield ast.Pass()
    if isinstance(node, ast.If | ast.While):
        never = copy.deepcopy(node)
        never.test = ast.Constant(False)
        yield never
    if isinstance(node, ast.Call) and len(node.args) == 2:
        swapped = copy.deepcopy(node)
        swapped.args = swapped.args[::-1]
        yield swapped
    if isinstance(node, ast.Call) and name_of(node.func) in TWINS:
        yield ast.Call(renamed(node.func, TWINS[name_of(node.func)]), node.args, node.keywords)
    if isinstance(node, ast.Call):
        for word in node.keywords:
            yield ast.Call(node.func, node.args, [other for other in node.keywords if other is not word])
    if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If):
        yield from exchanged(node)


def name_of(function: ast.AST) -> str:
    """How a function or method is called, without what it belongs to."""
    return getattr(function, "attr", getattr(function, "id", ""))


def renamed(function: ast.AST, name: str) -> ast.AST:
    """A function or method with another name."""
    return ast.Name(name, ast.Load()) if isinstance(function, ast.Name) else ast.Attribute(function.value, name)


def exchanged(node: ast.stmt) -> Iterator[ast.stmt]:
    """A statement with two neighbouring lines of its body exchanged, and with `return` at the end of a loop's body."""
    for i, (one, other) in enumerate(pairwise(node.body)):
        if not is_docstring(one):
            twin = copy.deepcopy(node)
            twin.body[i : i + 2] = twin.body[i + 1], twin.body[i]
            yield twin
        if isinstance(one, ast.For | ast.While) and isinstance(other, ast.Return):
            twin = copy.deepcopy(node)
            twin.body[i].body.append(twin.body.pop(i + 1))
            yield twin


def is_docstring(node: ast.AST) -> bool:
    """Whether a statement is only a text."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def mutants(reference: Any) -> Iterator[tuple[str, Any]]:
    """Each form of a function or class with one small change: its text, and what the text defines."""
    original = ast.parse(source_of(reference))
    functions = [node for node in ast.walk(original) if isinstance(node, ast.FunctionDef)]
    parameters = sorted({a.arg for function in functions for a in function.args.args} - {"self", "cls"})
    for place, node in enumerate(ast.walk(original)):
        for changed in changes(node, parameters) if not in_annotation(original, node) else ():
            tree = copy.deepcopy(original)
            twin = list(ast.walk(tree))[place]
            text = ast.unparse(ast.fix_missing_locations(Replace(twin, changed).visit(tree)))
            yield text, define(text, reference, written(text))


def written(text: str) -> str:
    """The name of a cell of a notebook with some text, which Python finds there."""
    name = f"<cell {len(linecache.cache)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return name


class Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def in_annotation(tree: ast.AST, node: ast.AST) -> bool:
    """Whether a node belongs to an annotation, where a change does nothing."""
    notes = [n.annotation for n in ast.walk(tree) if isinstance(n, ast.arg | ast.AnnAssign) and n.annotation]
    notes += [n.returns for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.returns]
    return any(node is inner for note in notes for inner in ast.walk(note))
