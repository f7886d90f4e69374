"""What a line of the user's own code wants, where Python refuses it: unpacking, keys, attributes, assertions.

Read from the failing expression and the values of its names; nothing is called or run again.
"""

import ast
import dis
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from inspector.engine.pytorch.inputs.failing_lines import Line, axis_of, rank_of, shape_of, slice_of_shape
from inspector.engine.pytorch.inputs.usual import usual_sizes
from inspector.engine.pytorch.inputs.wants import Want
from inspector.engine.pytorch.nested import tensors_in


def wants_of_line(problem: BaseException, line: Line, innermost: bool) -> list[Want]:
    """What the values in the line should have been, likely reasons first."""
    found: list[Want] = []
    for reason in (_unpacked, _looked_up, _asserted, _as_number) if innermost else (_asserted,):
        found += reason(problem, line)
    return found


def _want(line: Line, value: Any, **wanted: Any) -> list[Want]:
    """A want for a tensor, or for the structure that it stands in."""
    origins = line.tracker.origins_of(value) if isinstance(value, torch.Tensor) else ()
    if not origins:
        return []
    wanted.setdefault("why", f"line {line.lineno}")
    return [Want(origins=origins, got=tuple(value.shape), **wanted)]


def _unpacked(problem: BaseException, line: Line) -> list[Want]:
    """``b, c, h, w = x.shape`` wants four axes; ``a, b = x`` wants two tensors."""
    opcode = line.frame.f_code.co_code[line.lasti]
    if dis.opname[opcode] not in ("UNPACK_SEQUENCE", "UNPACK_EX") or not isinstance(problem, ValueError):
        return []
    count = line.frame.f_code.co_code[line.lasti + 1]
    statement = line.statement((ast.Assign, ast.For, ast.comprehension))
    source = getattr(statement, "value", None) or getattr(statement, "iter", None)
    if isinstance(statement, ast.Assign) and isinstance(source, ast.Tuple):
        # ``b, c, *_, device = *x.shape, x.device``
        names = [each for each in getattr(statement.targets[0], "elts", []) if not isinstance(each, ast.Starred)]
        beside = [each for each in source.elts if not isinstance(each, ast.Starred)]
        count = len(names) - len(beside)
        source = next((each.value for each in source.elts if isinstance(each, ast.Starred)), None)
    shaped = shape_of(source, line)
    if shaped is not None:
        targets = statement.targets[0] if isinstance(statement, ast.Assign) else None
        free = _free_sizes(targets, count)
        return _want(line, shaped, shape=(None,) * count, free=free)
    value = line.value(source)
    if isinstance(value, torch.Tensor):
        parts = tuple(f"[{number}]" for number in range(count))
        wanted = (count, *(None for _ in value.shape[1:]))
        return _want(line, value, parts=parts) + _want(line, value, shape=wanted)
    return _more_parts(line, value, tuple(f"[{number}]" for number in range(count)))


def _free_sizes(targets: ast.AST | None, count: int) -> tuple[int | None, ...]:
    """Usual sizes for axes by how the model calls them: ``b, t, c, h, w``."""
    names = [each.id.lower() for each in getattr(targets, "elts", []) if isinstance(each, ast.Name)][:count]
    if count == 5 and len(names) == 5 and (names[1].startswith(("t", "s", "f", "n", "l"))):
        return (None, 8, 3, 64, 64)
    sizes: tuple[int | None, ...] = {4: (None, None, 64, 64), 5: (None, None, 16, 64, 64)}.get(count, (None,) * count)
    return sizes


def _looked_up(problem: BaseException, line: Line) -> list[Want]:
    """``x["image"]``, ``x.image``, ``x[1]`` and ``x.shape[3]`` of something that has it not."""
    found: list[Want] = []
    node = line.expression()
    if isinstance(problem, AttributeError) and isinstance(node, ast.Attribute | ast.Call):
        attribute = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else node
        if isinstance(attribute, ast.Attribute):
            value = line.value(attribute.value)
            if isinstance(value, torch.Tensor):
                if attribute.attr in ("keys", "items", "values", "get", "pop"):
                    return _want(line, value, parts=('["x"]',))
                return _want(line, value, parts=(f".{attribute.attr}",))
            if value is None:
                return []
            return _more_parts(line, value, (f".{attribute.attr}",))
    if isinstance(node, ast.Subscript):
        value, key = line.value(node.value), line.value(node.slice)
        shaped = shape_of(node.value, line)
        if shaped is not None and isinstance(key, int):
            rank = key + 1 if key >= 0 else -key
            return _want(line, shaped, shape=(None,) * rank, free=(None,) * rank)
        part = f'["{key}"]' if isinstance(key, str) else f"[{key}]"
        if isinstance(value, torch.Tensor):
            return _want(line, value, parts=(part,))
        if isinstance(value, dict | list | tuple):
            found += _more_parts(line, value, (part,))
    return found


def _more_parts(line: Line, value: Any, parts: tuple[str, ...]) -> list[Want]:
    """One more part beside those that a structure has: told by the tensors in it."""
    for tensor in tensors_in(value):
        origins = line.tracker.origins_of(tensor)
        if origins:
            return [Want(origins=origins, got=tuple(tensor.shape), parts=parts, why=f"line {line.lineno}")]
    return []


_FALSE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


_NAMES: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_HOLDS = {name: _FALSE[op] for op, name in _NAMES.items()}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def comparisons(problem: BaseException, line: Line) -> Iterator[tuple[ast.expr, str, Any, ast.expr, Any]]:
    """The comparisons that let an assertion fail or led to a raise: left, operator that should hold, its values."""
    found = _tested(line)
    if found is None:
        return
    test, wanted = found
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
                if type(op) not in _FALSE:
                    continue
                one, other = line.value(left), line.value(right)
                if one is NotImplemented or other is NotImplemented:
                    continue
                try:
                    holds = bool(_FALSE[type(op)](one, other))
                except Exception:
                    continue
                if holds != wanted:
                    symbol = _NAMES[type(op)] if wanted else _OPPOSITE[_NAMES[type(op)]]
                    yield left, symbol, one, right, other


def _tested(line: Line) -> tuple[ast.expr, bool] | None:
    """The condition of an assertion, or of what led to a raise, and what it should have been."""
    statement = line.statement((ast.Assert, ast.Raise))
    if isinstance(statement, ast.Assert):
        return statement.test, True
    around = line.statement(ast.If) if isinstance(statement, ast.Raise) else None
    return (around.test, False) if isinstance(around, ast.If) else None


def _asserted(problem: BaseException, line: Line) -> list[Want]:
    """``assert x.shape[1] == self.dim``, ``if T > self.block_size: raise``, ``assert isinstance(x, list)``."""
    found: list[Want] = []
    for left, symbol, one, right, other in comparisons(problem, line):
        for side_node, value, target, side in ((left, one, other, symbol), (right, other, one, _mirrored(symbol))):
            found += _compared(line, side_node, value, target, side)
    found += _every_size(line)
    statement = line.statement((ast.Assert,))
    for node in ast.walk(statement) if isinstance(statement, ast.Assert) else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            value = line.value(node.args[0])
            kinds = ast.unparse(node.args[1])
            if "list" in kinds or "tuple" in kinds:
                found += _want(line, value, parts=("[0]", "[1]")) + _want(line, value, parts=("[0]",))
            elif "int" in kinds or "float" in kinds:
                found += _want(line, value, plain=("4", "0.5"))
    return found


def _every_size(line: Line) -> list[Want]:
    """``if any(size < 16 for size in x.shape[-2:]): raise``, ``assert all(size >= 16 for …)``."""
    tested = _tested(line)
    found: list[Want] = []
    for call in ast.walk(tested[0]) if tested is not None else ():
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("any", "all")):
            continue
        each = call.args[0] if len(call.args) == 1 else None
        if not isinstance(each, ast.GeneratorExp) or len(each.generators) != 1 or not isinstance(each.elt, ast.Compare):
            continue
        source, test = each.generators[0], each.elt
        shaped = slice_of_shape(source.iter, line)
        least = line.value(test.comparators[0])
        named = isinstance(test.left, ast.Name) and ast.unparse(test.left) == ast.unparse(source.target)
        if shaped is None or not named or type(test.ops[0]) not in _NAMES or type(least) is not int:
            continue
        x, start = shaped
        symbol = _NAMES[type(test.ops[0])]
        wanted = _nearest(symbol if call.func.id == "all" else _OPPOSITE[symbol], least)
        sizes = line.value(source.iter)
        if wanted is not None and isinstance(sizes, tuple | list | torch.Size):
            holds = _HOLDS[symbol if call.func.id == "all" else _OPPOSITE[symbol]]
            places = {start + at for at, size in enumerate(sizes) if not holds(size, least)}
            found += _want(line, x, shape=tuple(wanted if place in places else None for place in range(x.ndim)))
    return found


def _nearest(symbol: str, target: int) -> int | None:
    """The size nearest to `target` that is in this relation to it."""
    return {"==": target, "<=": target, "<": target - 1, ">=": target, ">": target + 1}.get(symbol)


def _mirrored(symbol: str) -> str:
    return {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(symbol, symbol)


def _compared(line: Line, node: ast.expr, value: Any, target: Any, symbol: str) -> list[Want]:
    """`node`, worth `value`, should be in the relation `symbol` to `target`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and target == 0:
        divisor = line.value(node.right)
        axis = axis_of(node.left, line)
        if axis is not None and isinstance(divisor, int):
            return _want(line, axis[0], grow=(axis[1],), multiple=divisor)
        return []
    if isinstance(value, tuple | list | torch.Size) and isinstance(target, tuple | list | torch.Size):
        shaped = slice_of_shape(node, line)
        if shaped is not None and len(value) == len(target):
            x, start = shaped
            sizes = dict(zip(range(start, start + len(target)), target, strict=True))
            return _want(line, x, shape=tuple(sizes.get(place) for place in range(x.ndim)))
        return _each_compared(line, node, target)
    if not isinstance(target, int) or not isinstance(value, int) or isinstance(value, bool):
        return []
    wanted = _nearest(symbol, target)
    rank = rank_of(node, line)
    if rank is not None and wanted is not None:
        free: tuple[int | None, ...] = (None,) * wanted
        if wanted in (4, 5):
            free = (None, None, *usual_sizes(wanted - 2, 3))
        elif wanted == 3 and any(origin.name.endswith("]") for origin in line.tracker.origins_of(rank)):
            # One image of a list of them.
            free = (3, *usual_sizes(2, 3))
        return _want(line, rank, shape=(None,) * wanted, free=free)
    axis = axis_of(node, line)
    if axis is not None and wanted is not None:
        return _want(line, axis[0], shape=tuple(wanted if at == axis[1] else None for at in range(axis[0].ndim)))
    return []


def _each_compared(line: Line, node: ast.AST, target: Sequence[Any]) -> list[Want]:
    """``(h, w) == (84, 84)``: every name by itself, all together."""
    if not isinstance(node, ast.Tuple) or len(node.elts) != len(target):
        return []
    axes = [axis_of(each, line) for each in node.elts]
    known = [(axis, size) for axis, size in zip(axes, target, strict=True) if axis is not None]
    if not known:
        return []
    x = known[0][0][0]
    sizes = {axis[1]: size for axis, size in known if axis[0] is x and isinstance(size, int)}
    return _want(line, x, shape=tuple(sizes.get(place) for place in range(x.ndim)))


def _as_number(problem: BaseException, line: Line) -> list[Want]:
    """``range(steps)``, ``torch.zeros(n)``, ``f"{mode}"``: a tensor where Python wants a number."""
    if not isinstance(problem, TypeError):
        return []
    node = line.expression() or line.statement((ast.stmt,))
    found: list[Want] = []
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.Name):
            value = line.value(inner)
            if isinstance(value, torch.Tensor) and any(one.same_values for one in line.tracker.origins_of(value)):
                found += _want(line, value, plain=("4", "1", "0.5", "None"))
    return found
