"""Forms of a reference that hold a slip, or two known mistakes at once: an answer that does the same is told which."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from typing import Any

from course_utils.exercises.engine.exercise import Exercise, define, source_of, without_annotations

OTHERS = {
    **{ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE)},
    **{ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)},
    **{ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.And: (ast.Or,), ast.Or: (ast.And,)},
    **{ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Add, ast.Div)},
    **{ast.Div: (ast.Mult, ast.FloorDiv), ast.FloorDiv: (ast.Div, ast.Mod), ast.Mod: (ast.FloorDiv,)},
    **{ast.MatMult: (ast.Mult,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,)},
}
# What is easily taken for one another; each also the other way round.
TWINS = (("max", "min"), ("sum", "mean"), ("any", "all"), ("argmax", "argmin"), ("sin", "cos"), ("zeros", "ones"))
TWINS += (("triu", "tril"), ("softmax", "log_softmax"), ("ceil", "floor"), ("exp", "log"), ("keys", "values"))
TWINS += (("var", "std"), ("startswith", "endswith"), ("sorted", "list"))
TWIN = dict(TWINS) | {other: one for one, other in TWINS}
MODULES = ("torch", "math", "nn", "F", "re", "super()")
SHOWN = (ast.AugAssign, ast.Assign, ast.Return, ast.expr, ast.Slice, ast.comprehension, ast.keyword)
LONGEST = 60  # of the code that is shown in a sentence


@dataclass(frozen=True)
class Slip:
    """A form of the reference, whose text is `right`, with one slip in it: `after` in place of `before`."""

    says: str
    form: Any
    right: str
    before: str
    after: str

    def stands_in(self, text: str) -> bool:
        """Whether some code has more of the slip than a right one, and less of what should be there."""
        more = text.count(self.after) > self.right.count(self.after)
        return more and text.count(self.before) < self.right.count(self.before)


@cache
def slips(exercise: Exercise) -> list[Slip]:
    """Return each form of the reference with one slip in it."""
    original = ast.parse(without_annotations(source_of(exercise.reference)))
    text = ast.unparse(original)
    nodes, forms = list(ast.walk(original)), []
    names = sorted({node.arg for node in nodes if isinstance(node, ast.arg)} - {"self"})
    for place, node in enumerate(nodes):
        shown = nodes.index(around(node, nodes))
        for says, changed in changes(node, names):
            tree = copy.deepcopy(original)
            twins = list(ast.walk(tree))
            Replace(twins[place], changed).visit(tree)
            before, after = ast.unparse(nodes[shown]), ast.unparse(changed if shown == place else twins[shown])
            form = define(ast.unparse(ast.fix_missing_locations(tree)), exercise.reference)
            forms.append(Slip(says or told(before, after), form, text, before, after))
    return forms


def around(node: ast.AST, nodes: list[ast.AST]) -> ast.AST:
    """Return the code that is shown for a change of a node: what a number or a name is a part of, else itself."""
    small = (ast.Constant, ast.Name, ast.UnaryOp, ast.Slice, ast.comprehension, ast.keyword, ast.operator)
    slices = isinstance(node, ast.Tuple) and any(isinstance(part, ast.Slice) for part in node.elts)
    if not (isinstance(node, small) or slices):
        return node
    parent = next((other for other in nodes if any(child is node for child in ast.iter_child_nodes(other))), None)
    return around(parent, nodes) if isinstance(parent, SHOWN) else node


@cache
def pairs(exercise: Exercise) -> list[tuple[str, str, Any]]:
    """Return the forms of the reference with two of its known mistakes at once: what each says, and the form."""
    found, source = [], source_of(exercise.reference)
    for one, other in combinations([mistake for mistake in exercise.mistakes if mistake.old], 2):
        once = source.replace(one.old, one.new)
        if once.count(other.old) == 1 and source.replace(other.old, other.new).count(one.old) == 1:
            found.append((one.says, other.says, define(once.replace(other.old, other.new), exercise.reference)))
    return found


class Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the new node for the old one, and any other as it is."""
        return self.new if node is self.old else self.generic_visit(node)


def changes(node: ast.AST, names: list[str]) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a slip of the hand makes of a node; with a sentence where the code alone doesn't say enough."""
    for changed in (*others(node), *numbers(node), *shorter(node), *renamed(node, names), *turned(node)):
        if ast.unparse(changed) != ast.unparse(node):
            yield "", changed
    yield from left_out(node, names)
    yield from misplaced(node)


def told(before: str, after: str) -> str:
    """Return the sentence about code that stands in the place of other code; what both have at their ends is cut.

    >>> told("a + b", "a - b")
    'One slip away: your answer does what a right one does with a - b in place of a + b'
    """
    after = after.replace(".mT", ".T")
    if max(len(before), len(after)) > LONGEST:
        before, after = differing(before, after)
    return f"One slip away: your answer does what a right one does with {after} in place of {before}"


def differing(before: str, after: str) -> tuple[str, str]:
    """Return the words around which two pieces of code differ, with some of what stands around them.

    >>> differing("a + b + c + d + e * f + g + h", "a + b + c + d + e / f + g + h")
    ('… + e * f + …', '… + e / f + …')
    """
    old, new = before.split(), after.split()
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - start
    end = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    before, after = ["…"] * (start > 2), ["…"] * (end > 2)
    shown = [words[max(0, start - 2) : len(words) - max(0, end - 2)] for words in (old, new)]
    return " ".join(before + shown[0] + after), " ".join(before + shown[1] + after)


def others(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node with another operator, True for False, or its two arguments exchanged."""
    if isinstance(node, ast.Compare):
        for other in OTHERS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)
    if isinstance(node, ast.BinOp | ast.BoolOp):
        for other in OTHERS.get(type(node.op), ()):
            if not (other is ast.Mult and ast.unparse(node.right) == "1"):  # that's the left side alone
                yield changed_copy(node, op=other())
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    if isinstance(node, ast.Call) and len(node.args) == 2:
        yield changed_copy(node, args=node.args[::-1])
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
        yield changed_copy(node, elts=node.elts[::-1])


def numbers(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a whole number as one more and as one less, another as its negative, 1, its double and its half."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
    if isinstance(node, ast.Constant) and type(node.value) is float and node.value != 0:
        yield from map(ast.Constant, (-node.value, 1.0, node.value * 2, node.value / 2))


def shorter(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node without one of its parts: an operand, a sign, a case, an end of a slice, a call, a word."""
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    if isinstance(node, ast.BoolOp):
        yield from node.values
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    if isinstance(node, ast.Slice):
        yield from (ast.Slice(None, node.upper, node.step), ast.Slice(node.lower, None, node.step))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from [owner for owner in (node.func.value,) if ast.unparse(owner) not in MODULES]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        yield node.args[0]
    if isinstance(node, ast.Call) and node.keywords:
        for word in node.keywords:
            yield changed_copy(node, keywords=[other for other in node.keywords if other is not word])
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    if isinstance(node, ast.comprehension) and node.ifs:
        yield changed_copy(node, ifs=[])


def renamed(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Yield another argument where one is read, and the twin of a function or method that has one."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(other, ast.Load()) for other in names if other != node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TWIN:
        yield changed_copy(node, func=ast.Name(TWIN[node.func.id], ast.Load()))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TWIN:
        yield changed_copy(node, func=changed_copy(node.func, attr=TWIN[node.func.attr]))


def turned(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a matrix product with one of its factors transposed; `mT`, since `T` warns where there is a batch."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield changed_copy(node, left=transposed(node.left))
        yield changed_copy(node, right=transposed(node.right))


def transposed(node: ast.AST) -> ast.AST:
    """Return a matrix transposed: one that is transposed already is as it was before."""
    back = isinstance(node, ast.Attribute) and node.attr == "T"
    return node.value if back else ast.Attribute(node, "mT", ast.Load())


def left_out(node: ast.AST, names: list[str]) -> Iterator[tuple[str, ast.AST]]:
    """Yield what happens without a line, without what stands under an `if`, and with an argument added at the end."""
    first = first_line(node) if isinstance(node, ast.stmt) else ""
    if isinstance(node, ast.AugAssign | ast.Continue | ast.Break) or is_call(node):
        yield f"One slip away: your answer does what a right one does without the line {first}", ast.Pass()
    if isinstance(node, ast.If | ast.While):
        never, always = changed_copy(node, test=ast.Constant(False)), changed_copy(node, test=ast.Constant(True))
        yield f"One slip away: what stands under {first} should happen, and in your answer it never does", never
        if isinstance(node, ast.If):
            says = f"One slip away: your answer does what a right one does if what stands under {first} always happens"
            yield says, always
    if isinstance(node, ast.Return) and node.value is not None:
        for name in names:
            added = ast.Return(ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), node.value))
            yield f"One slip away: your answer adds {name} to what a right one returns", added
    if isinstance(node, ast.Call) and "softmax" in ast.unparse(node.func):
        again = ast.Call(ast.Attribute(node, "softmax", ast.Load()), [ast.UnaryOp(ast.USub(), ast.Constant(1))], [])
        yield "Softmax is taken twice: what comes out of it are probabilities already. Once is enough", again


def misplaced(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield a loop and a function with two neighbouring lines exchanged, and with a line moved out of a loop."""
    lines = node.body if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If) else []
    for i, (one, other) in enumerate(pairwise(lines)):
        says = f"One slip away: the line {first_line(one)} should come before {first_line(other)}"
        if isinstance(other, ast.Return):  # what comes after a return never happens
            says = f"One slip away: your answer does what a right one does without the line {first_line(one)}"
        yield says, changed_copy(node, body=[*lines[:i], other, one, *lines[i + 2 :]])
    for i, loop in enumerate(lines):
        for line in loop.body if isinstance(loop, ast.For | ast.While) and isinstance(node, ast.FunctionDef) else ():
            if isinstance(line, ast.Assign) and not any(isinstance(part, ast.Name) for part in ast.walk(line.value)):
                rest = changed_copy(loop, body=[other for other in loop.body if other is not line])
                says = f"One slip away: each turn of the loop should begin with {first_line(line)}"
                yield says, changed_copy(node, body=[*lines[:i], line, rest, *lines[i + 1 :]])


def first_line(node: ast.AST) -> str:
    """Return the first line of a statement."""
    return ast.unparse(node).split("\n")[0]


def is_call(node: ast.AST) -> bool:
    """Whether a statement is a call of which nothing is kept."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def changed_copy(node: ast.AST, **fields: Any) -> Any:
    """Return a copy of a node with some of its fields changed."""
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin
