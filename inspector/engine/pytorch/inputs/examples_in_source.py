"""Examples of the input in the model's own source: what a main block or a test calls it with, what comments say.

The source is read and never run. What is found may belong to another model of the file: a pass decides.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

from inspector.core.recipe import InputSpec

Environment = dict[str, ast.expr]
_SHAPED = ("randn", "rand", "zeros", "ones", "empty", "full", "randn_like")
_TENSOR_CLASSES = {"Tensor": "float32", "FloatTensor": "float32", "LongTensor": "int64", "IntTensor": "int32"}
_UNCHANGED = {
    "to", "cuda", "cpu", "contiguous", "clone", "detach", "requires_grad_", "float", "double", "half", "normal_",
    "uniform_", "random_", "pin_memory", "type", "Variable",
}  # fmt: skip
_TRACERS = ("export", "trace", "profile", "FlopCountAnalysis", "add_graph", "make_dot", "script_method", "flops")
_SUMMARIES = ("summary", "get_model_complexity_info")


@dataclass(frozen=True)
class SourceExample:
    """Specs in the order in which the model is called with them, and the line."""

    specs: list[InputSpec]
    line: int
    batch_is_missing: bool = False
    """As in torchsummary's ``summary(model, (3, 32, 32))``."""


def examples_of_calls(text: str, names: set[str]) -> list[SourceExample]:
    """What the file's own main block and functions call a model with; that of a model in `names` first.

    What a model made by anything else is called with is left out, but that of a function of the file: it may well
    return one in `names`.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    makers = {"", *names, *(node.name for node in tree.body if isinstance(node, ast.FunctionDef))}
    found: list[tuple[int, SourceExample]] = []
    module: Environment = {}
    for scope in _scopes(tree):
        reader = _Reader(dict(module))
        for node in _in_order(scope):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                reader.assign(node.targets[0], node.value)
            elif isinstance(node, ast.Call):
                for example, model in reader.examples(node):
                    if model in makers:
                        found.append((0 if model in names else 1, example))
        if scope is tree:
            module = reader.known
    found.sort(key=lambda pair: pair[0])
    unique: dict[str, SourceExample] = {}
    for _, example in found:
        unique.setdefault(" ".join(map(str, example.specs)), example)
    return list(unique.values())


def _scopes(tree: ast.Module) -> Iterator[ast.Module | ast.FunctionDef]:
    """The module itself, and functions that are not a class's."""
    yield tree
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef) and "test" in node.name.lower():
            yield from (each for each in node.body if isinstance(each, ast.FunctionDef))


def _in_order(scope: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a scope in the order of the source, without those of the functions and classes in it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.Assign):
            yield from _in_order(child)
            yield child
        else:
            yield child
            yield from _in_order(child)


@dataclass
class _Reader:
    """Reads the expressions of one scope by what its names were last assigned."""

    known: Environment
    depth: int = field(default=0)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        """Take note of an assignment; of several names at once where the values stand beside each other."""
        if isinstance(target, ast.Name):
            self.known[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                self.assign(one, other)

    def examples(self, call: ast.Call) -> Iterator[tuple[SourceExample, str]]:
        """What a call tells about a model's input, with the name of the class or function that made the model."""
        name = _last_name(call.func)
        if name in _SUMMARIES and (len(call.args) > 1 or call.keywords):
            keyword = next((each.value for each in call.keywords if each.arg in ("input_size", "input_res")), None)
            shapes = self._shapes(keyword if keyword is not None else call.args[1] if len(call.args) > 1 else None)
            data = next((each.value for each in call.keywords if each.arg == "input_data"), None)
            model = self._maker(call.args[0]) if call.args else ""
            if shapes:
                for missing in (True, False):
                    yield SourceExample([InputSpec(shape=shape) for shape in shapes], call.lineno, missing), model
            yield from self._given([data] if data is not None else [], call.lineno, model)
        elif name in _TRACERS and len(call.args) > 1:
            keyword = next((each.value for each in call.keywords if each.arg in ("args", "inputs")), None)
            yield from self._given(self._flat(keyword or call.args[1]), call.lineno, self._maker(call.args[0]))
        elif name in _TRACERS and call.args and any(each.arg == "inputs" for each in call.keywords):
            value = next(each.value for each in call.keywords if each.arg == "inputs")
            yield from self._given(self._flat(value), call.lineno, self._maker(call.args[0]))
        elif self._maker(call.func) and not any(isinstance(each, ast.Starred) for each in call.args):
            yield from self._given(list(call.args), call.lineno, self._maker(call.func), call.keywords)

    def _given(
        self, values: list[ast.expr], line: int, model: str, keywords: list[ast.keyword] | None = None
    ) -> Iterator[tuple[SourceExample, str]]:
        specs = [self.spec(value) for value in values]
        for keyword in keywords or []:
            spec = self.spec(keyword.value)
            specs.append(None if spec is None or keyword.arg is None else _renamed(spec, keyword.arg))
        if specs and all(spec is not None for spec in specs) and any(spec and spec.shape is not None for spec in specs):
            yield SourceExample([spec for spec in specs if spec is not None], line), model

    def _flat(self, value: ast.expr) -> list[ast.expr]:
        value = self._resolved(value)
        return list(value.elts) if isinstance(value, ast.Tuple | ast.List) else [value]

    def _maker(self, node: ast.expr) -> str:
        """Of a name that holds a model: what it was made by; "" for anything else."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id[:1].isupper():
            return node.func.id
        if not isinstance(node, ast.Name):
            return ""
        value = self.known.get(node.id)
        while isinstance(value, ast.Call):
            if isinstance(value.func, ast.Attribute) and value.func.attr in ("to", "cuda", "eval", "train", "cpu"):
                value = value.func.value
                continue
            owner = value.func.value if isinstance(value.func, ast.Attribute) else None
            if isinstance(owner, ast.Name) and owner.id in ("torch", "np", "numpy", "F", "random"):
                return ""
            return _last_name(value.func)
        return ""

    def _resolved(self, node: ast.expr) -> ast.expr:
        for _ in range(8):
            if not isinstance(node, ast.Name) or node.id not in self.known:
                return node
            node = self.known[node.id]
        return node

    def spec(self, node: ast.expr) -> InputSpec | None:
        """The input that an expression makes; None where that cannot be told."""
        self.depth += 1
        try:
            return self._spec(self._resolved(node)) if self.depth < 30 else None
        finally:
            self.depth -= 1

    def _spec(self, node: ast.expr) -> InputSpec | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | bool | str | None):
            return InputSpec(value=repr(node.value))
        if not isinstance(node, ast.Call):
            return None
        name = _last_name(node.func)
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if (isinstance(owner, ast.Name) and owner.id == "torch") or isinstance(node.func, ast.Name):
            return self._made(name, node)
        inner = self.spec(owner) if owner is not None else None
        return None if inner is None else self._changed(inner, name, node)

    def _made(self, name: str, node: ast.Call) -> InputSpec | None:
        keywords = {each.arg: each.value for each in node.keywords}
        dtype = _dtype(keywords.get("dtype"))
        if name == "Variable" and node.args:
            return self.spec(node.args[0])
        if name == "randint":
            bounds = [self.number(each) for each in node.args if self._sizes([each]) is None or _is_scalar(each)]
            sizes = keywords.get("size") or (node.args[-1] if node.args else None)
            shape = self._sizes([sizes]) if sizes is not None else None
            numbers = [bound for bound in bounds if bound is not None]
            high = keywords.get("high")
            top = self.number(high) if high is not None else numbers[-1] if numbers else None
            if shape is None or top is None:
                return None
            low = numbers[0] if len(numbers) > 1 else 0
            return InputSpec(shape=shape, dtype=dtype or "int64", distribution="range", low=low, high=max(top, low + 1))
        if name == "arange" and node.args:
            end = self.number(node.args[-1] if len(node.args) < 3 else node.args[1])
            if end is None or end < 1:
                return None
            return InputSpec(shape=[end], dtype=dtype or "int64", distribution="range", low=0, high=end)
        if name in _SHAPED or name in _TENSOR_CLASSES:
            sizes = keywords.get("size")
            values = [sizes] if sizes is not None else list(node.args[:1] if name == "full" else node.args)
            shape = self._sizes(values)
            known = dtype or _TENSOR_CLASSES.get(name, "float32")
            flat = {"zeros": "zeros", "ones": "ones", "rand": "uniform"}.get(name, "normal")
            return None if shape is None else InputSpec(shape=shape, dtype=known, distribution=flat)
        return None

    def _changed(self, inner: InputSpec, name: str, node: ast.Call) -> InputSpec | None:
        shape = list(inner.shape or [])
        if inner.shape is None:
            return None
        numbers = [self.number(each) for each in node.args]
        if name in ("long", "int", "bool"):
            dtype = {"long": "int64", "int": "int32", "bool": "bool"}[name]
            return InputSpec(shape=shape, dtype=dtype)
        if name == "unsqueeze" and numbers and numbers[0] is not None:
            at = numbers[0] % (len(shape) + 1)
            return _reshaped(inner, [*shape[:at], 1, *shape[at:]])
        if name in ("view", "reshape"):
            sizes = self._sizes(node.args)
            if sizes is None:
                return None
            if -1 in sizes:
                rest = prod(size for size in sizes if size > 0)
                sizes = [prod(shape) // rest if size < 0 and rest else size for size in sizes]
            return _reshaped(inner, sizes)
        if name == "permute" and all(number is not None for number in numbers) and len(numbers) == len(shape):
            return _reshaped(inner, [shape[number] for number in numbers if number is not None])
        if name == "transpose" and len(numbers) == 2 and None not in numbers:
            one, other = (number for number in numbers if number is not None)
            shape[one], shape[other] = shape[other], shape[one]
            return _reshaped(inner, shape)
        if name in ("repeat", "expand"):
            sizes = self._sizes(node.args)
            if sizes is None or len(sizes) != len(shape):
                return None
            times = [old * size if name == "repeat" else size for old, size in zip(shape, sizes, strict=True)]
            return _reshaped(inner, [old if size < 0 else size for old, size in zip(shape, times, strict=True)])
        return inner if name in _UNCHANGED else None

    def _sizes(self, values: list[ast.expr]) -> list[int] | None:
        if len(values) == 1:
            only = self._resolved(values[0])
            if isinstance(only, ast.Tuple | ast.List):
                values = list(only.elts)
        expanded: list[ast.expr] = []
        for value in values:
            if isinstance(value, ast.Starred):
                inner = self._resolved(value.value)
                if not isinstance(inner, ast.Tuple | ast.List):
                    return None
                expanded += inner.elts
            else:
                expanded.append(value)
        numbers = [self.number(value) for value in expanded]
        sizes = [number for number in numbers if number is not None]
        return sizes if len(sizes) == len(numbers) else None

    def _shapes(self, node: ast.expr | None) -> list[list[int]]:
        """The shape, or shapes, given to a function that summarises."""
        node = None if node is None else self._resolved(node)
        if not isinstance(node, ast.Tuple | ast.List):
            return []
        one = self._sizes([node])
        if one is not None:
            return [one]
        several = [self._sizes([each]) for each in node.elts]
        return [shape for shape in several if shape is not None] if None not in several else []

    def number(self, node: ast.expr) -> int | None:
        """The whole number that an expression is worth."""
        node = self._resolved(node)
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, int) and not isinstance(node.value, bool) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.number(node.operand)
            return None if inner is None else -inner
        if isinstance(node, ast.BinOp):
            left, right = self.number(node.left), self.number(node.right)
            if left is None or right is None:
                return None
            if isinstance(node.op, ast.FloorDiv | ast.Mod | ast.Div) and right:
                return left % right if isinstance(node.op, ast.Mod) else left // right
            pairs = {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}
            return pairs.get(type(node.op))
        return None


def _is_scalar(node: ast.expr) -> bool:
    return not isinstance(node, ast.Tuple | ast.List)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _dtype(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    name = _last_name(node)
    return {"long": "int64", "int": "int32", "float": "float32", "double": "float64", "half": "float16"}.get(name, name)


def _reshaped(spec: InputSpec, shape: list[int]) -> InputSpec:
    return InputSpec(shape=shape, dtype=spec.dtype, distribution=spec.distribution, low=spec.low, high=spec.high)


def _renamed(spec: InputSpec, name: str) -> InputSpec:
    values: dict[str, Any] = {each: getattr(spec, each) for each in spec.__struct_fields__}
    return InputSpec(**(values | {"name": name}))


_BATCH = r"(?:[bBnN]|bs|BS|batch|Batch|batch_size|N_batch|\d+|\?|None|-1|\*)"
_LISTED = re.compile(rf"[\[(]\s*{_BATCH}\s*((?:,\s*\d+\s*)+),?\s*[\])]")
_CROSSED = re.compile(r"(?<![\w.])(?:[bBnN]|batch|batch_size|\d+)((?:\s*[xX×]\s*\d+)+)(?![\w.])")


def shapes_in_words(text: str) -> list[tuple[int, list[int]]]:
    """Shapes that comments and docstrings tell, less the batch: ``(B, 3, 32, 32)``, ``N x 3 x 299 x 299``; by line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern in (_LISTED, _CROSSED):
            for match in pattern.finditer(line):
                sizes = [int(size) for size in re.findall(r"\d+", match[1])]
                if 1 <= len(sizes) <= 4 and min(sizes) > 0 and prod(sizes) <= 1 << 26:
                    found.append((number, sizes))
    return found
