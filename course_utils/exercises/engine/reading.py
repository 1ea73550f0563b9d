"""The text of an answer is read for slips that show in it, whatever it returns; where it can't be read, nothing is."""

import ast
import builtins
import difflib
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

# Methods that leave what they are called on as it was, so that a line of nothing but such a call does nothing. Those
# of modules, such as `to` and `float`, are not among them.
RETURNING = {
    *("masked_fill", "transpose", "permute", "view", "reshape", "flatten", "unsqueeze", "squeeze", "expand", "repeat"),
    *("clone", "detach", "softmax", "log_softmax", "exp", "log", "sqrt", "cumsum", "sum", "mean", "abs", "clamp"),
    *("flip", "index_fill", "index_put", "scatter", "tril", "triu", "div", "mul", "sub", "matmul", "square"),
    *("rms_norm", "layer_norm", "silu", "gelu", "cat", "gather", "repeat_interleave", "topk"),
    *("strip", "replace", "lower", "upper", "split", "join", "encode", "decode", "copy"),
}
RETURNING_FUNCTIONS = {"sorted", "reversed", "len", "abs", "round"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_of(answer: Any) -> tuple[Function, ...]:
    """Return the syntax trees of a function, or of the methods of a class, as far as their text can be had."""
    if inspect.isclass(answer):
        methods = [method for method in vars(answer).values() if inspect.isfunction(method)]
        return tuple(node for method in methods for node in functions_of(method))
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(answer))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return ()
    return (node,) if isinstance(node, Function) else ()


def text_of(answer: Any) -> str:
    """Return the text of a function, or of the methods of a class, written as Python itself would write it."""
    return "\n".join(map(ast.unparse, functions_of(answer)))


def is_empty(answer: Any) -> bool:
    """Whether a function or class whose text can be read is still as it was found, with nothing in it."""
    written = functions_of(answer)
    bare = inspect.isclass(answer) and not any(map(inspect.isfunction, vars(answer).values()))
    return bare or (bool(written) and all(map(is_stub, written)))


def is_stub(node: Function) -> bool:
    """Whether a function says nothing but its docstring, `pass`, `...` or that it is not implemented."""
    return all(isinstance(line, ast.Pass) or is_remark(line) or raises_unwritten(line) for line in node.body)


def is_remark(line: ast.stmt) -> bool:
    """Whether a line is only a value, such as a docstring or `...`."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def raises_unwritten(line: ast.AST) -> bool:
    """Whether a line is `raise NotImplementedError`, as in a stub."""
    return isinstance(line, ast.Raise) and line.exc is not None and "NotImplementedError" in ast.unparse(line.exc)


def left_over(answer: Any) -> str:
    """Return what to do about a function that is written and still says that it isn't; else nothing."""
    for node in functions_of(answer):
        if not is_stub(node) and any(map(raises_unwritten, node.body)):
            return f"raise NotImplementedError still stands in {node.name}, beside your code: delete that line"
    return ""


def unwritten_methods(answer: Any) -> list[str]:
    """Return the names of the methods of a class that are still stubs."""
    return [node.name for node in functions_of(answer) if is_stub(node)]


def missing_method(answer: Any, needed: Any) -> str:
    """Return which method of the class `needed` an answer lacks, and which it may have meant by it; else nothing."""
    if not (inspect.isclass(answer) and inspect.isclass(needed)):
        return ""
    own = {name for part in answer.__mro__ if not is_library(part) for name, m in vars(part).items() if callable(m)}
    for name in [name for name, method in vars(needed).items() if inspect.isfunction(method) and name not in own]:
        extra = {other.replace("_", ""): other for other in own - vars(needed).keys()}
        meant = difflib.get_close_matches(name.replace("_", ""), extra, 1, 0.6)
        if meant:
            return f"{answer.__name__} has no method {name}. Is {extra[meant[0]]} meant to be it? Write {name}"
        if name != "__init__":  # which need not be there
            return f"{answer.__name__} has no method {name}: write def {name}(…) inside the class"
    return ""


def is_library(part: type) -> bool:
    """Whether a class comes with Python or PyTorch."""
    return part.__module__.split(".")[0] in ("builtins", "torch", "typing", "abc")


def thrown_away(answer: Any) -> str:
    """Return what to do about a line that computes something and keeps nothing of it; else nothing."""
    for node in functions_of(answer):
        for line in ast.walk(node):
            if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) and only_returns(line.value):
                code = ast.unparse(line.value)
                shown = code if len(code) <= 60 else f"{ast.unparse(line.value.func)}(…)"
                return f"The line {shown} has no effect, since it returns something new: keep what it returns"
    return ""


def only_returns(call: ast.Call) -> bool:
    """Whether a call does nothing but return something."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in RETURNING and not any(word.arg in ("out", "inplace") for word in call.keywords)
    return isinstance(call.func, ast.Name) and call.func.id in RETURNING_FUNCTIONS


def early_return(answer: Any) -> str:
    """Return what to do about a loop that always returns at its first turn; else nothing."""
    for node in functions_of(answer):
        for loop in ast.walk(node):
            ends = isinstance(loop, ast.For | ast.While) and isinstance(loop.body[-1], ast.Return)
            if ends and not any(isinstance(inner, ast.Continue) for inner in ast.walk(loop)):
                return "return stands inside the loop, so that its first turn is its last: move it below the loop"
    return ""


def not_set_back(answer: Any) -> str:
    """Return what to ask about a sum that an inner loop adds to and that no turn of the outer one begins anew."""
    for node in functions_of(answer):
        for outer in [loop for loop in ast.walk(node) if isinstance(loop, ast.For | ast.While)]:
            for inner in [line for line in outer.body if isinstance(line, ast.For | ast.While)]:
                kept = outer.body[outer.body.index(inner) + 1 :]
                for name in sorted(added_to(inner) & read_in(kept) - set_in(outer.body)):
                    return (
                        f"{name} goes on from one turn of the outer loop to the next. Should each turn begin it anew?"
                    )
    return ""


def added_to(loop: ast.AST) -> set[str]:
    """Return the names that `+=` and the like change in some code."""
    return {ast.unparse(line.target) for line in ast.walk(loop) if isinstance(line, ast.AugAssign)}


def set_in(lines: list[ast.stmt]) -> set[str]:
    """Return the names that some lines set, not counting what is inside their loops."""
    targets = [target for line in lines if isinstance(line, ast.Assign | ast.AnnAssign) for target in ast.walk(line)]
    return {node.id for node in targets if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def read_in(lines: list[ast.stmt]) -> set[str]:
    """Return the names that some lines read."""
    return {node.id for line in lines for node in ast.walk(line) if isinstance(node, ast.Name)}


def unused(answer: Any, needed: Any) -> str:
    """Return what to say of an argument that an answer never uses and that `needed` does; else nothing."""
    mine, right = functions_of(answer), functions_of(needed)
    if len(mine) != 1 or len(right) != 1:
        return ""
    names = [argument.arg for argument in mine[0].args.args]
    wanted = [argument.arg for argument in right[0].args.args]
    for name, other in zip(names, wanted, strict=False):
        if name not in read_in(mine[0].body) and other in read_in(right[0].body):
            outside = " and ".join(from_outside(answer))
            return f"It never uses its argument {name}" + (f", and uses {outside} of the notebook" if outside else "")
    return ""


def from_outside(answer: Any) -> Iterator[str]:
    """Yield the variables of the notebook that an answer reads; functions, classes and modules are none."""
    if isinstance(answer, FunctionType):
        for name in answer.__code__.co_names:
            found = answer.__globals__.get(name)
            known = isinstance(found, ModuleType | type) or callable(found) or hasattr(builtins, name)
            if found is not None and not known:
                yield name
