"""Output shapes through a pickled ``Sequential`` for an input of a given shape, worked out layer by layer."""

from collections.abc import Mapping
from math import prod

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.table import FormulaLine, Input, Row
from inspector.core.wording import shape as written
from inspector.files.catalog import Catalog, CatalogModule
from inspector.files.field_chain import POINTWISE, SEQUENTIAL
from inspector.files.layer_formulas import layer_formula, numbers

_SAME_SHAPE = POINTWISE | {
    "Softmax", "LogSoftmax", "Softmin", "LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
}  # fmt: skip
_PADS = ("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad")
_WINDOWS = ("Conv", "ConvTranspose", "MaxPool", "AvgPool", "LPPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
MAX_ELEMENTS = 2**63 - 1
_LINEAR = ("Linear", "NonDynamicallyQuantizableLinear")


class LayerShapes(Record, frozen=True, kw_only=True):
    """What goes into a module of the chain and what comes out."""

    input: list[int]
    output: list[int]
    formula: list[FormulaLine] | None = None


def given_input(catalog: Catalog, inputs: list[InputSpec]) -> Input:
    """The one input that a chain takes; raises RequestError where the file is no chain or the input no shape."""
    modules = catalog.modules
    if not modules or modules[0].container or modules[0].path or modules[0].class_path != SEQUENTIAL:
        raise RequestError(
            f"--input can be worked through a pickled Sequential only; {catalog.path} does not say in which order its "
            "layers run: open it with its model, nninspect MODEL.py --weights FILE"
        )
    if len(inputs) > 1 or inputs[0].file or inputs[0].value:
        raise RequestError("a pickled Sequential takes one input by its shape; write for example --input 1x3x224x224")
    shape = list(inputs[0].shape or [])
    return Input(name=inputs[0].name or "input", shape=shape, dtype=inputs[0].dtype, origin="given")


def worked_through(modules: list[CatalogModule], shape: list[int]) -> dict[str, LayerShapes]:
    """The shapes by path, up to the first module of which the file does not tell what it gives.

    Raises RequestError where the input does not fit a layer.
    """
    found: dict[str, LayerShapes] = {}
    children: dict[str, list[CatalogModule]] = {}
    for module in modules[1:]:
        children.setdefault(module.path.rpartition(".")[0], []).append(module)

    def through(module: CatalogModule, into: list[int]) -> list[int] | None:
        if module.class_path == SEQUENTIAL:
            now: list[int] | None = into
            for child in children.pop(module.path, ()):
                now = through(child, now) if now is not None else None
            shapes = None if now is None else LayerShapes(input=into, output=now)
        else:
            shapes = _layer(module, into)
        if shapes is None or prod(shapes.output) > MAX_ELEMENTS:
            return None
        found[module.path] = shapes
        return shapes.output

    through(modules[0], shape)
    return found


def with_shapes(rows: list[Row], shapes: Mapping[str, LayerShapes]) -> list[Row]:
    """The rows with the shapes of their modules."""
    return [
        row
        if row.path not in shapes
        else replace(
            row,
            input_shapes=[shapes[row.path].input],
            output_shapes=[shapes[row.path].output],
            formula=shapes[row.path].formula or row.formula,
        )
        for row in rows
    ]


def _layer(module: CatalogModule, into: list[int]) -> LayerShapes | None:
    module_path, _, name = module.class_path.rpartition(".")
    settings = module.settings
    if not module_path.startswith("torch.nn.modules."):
        return None
    try:
        if name in _SAME_SHAPE:
            return LayerShapes(input=into, output=into)
        if name == "Flatten":
            return LayerShapes(input=into, output=_flattened(into, settings["start_dim"], settings["end_dim"]))
        if name in _LINEAR:
            given, made = numbers([settings["in_features"], settings["out_features"]], 2)
            _require(module, "features", given, into[-1] if into else None, into)
            formula = layer_formula(module.class_path, settings)
            return LayerShapes(input=into, output=[*into[:-1], made], formula=formula)
        if name[:-2] in _PADS:
            return LayerShapes(input=into, output=_padded(module, into, int(name[-2])))
        if name[:-2] in _WINDOWS:
            return _windowed(module, into, int(name[-2]))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    return None


def _windowed(module: CatalogModule, into: list[int], axes: int) -> LayerShapes | None:
    if len(into) != axes + 2:
        raise RequestError(
            f"{module.path} is a {module.type} and takes {axes + 2} axes, a batch, channels and {axes} more; "
            f"{written(into)} comes in: give another --input"
        )
    channels = into[1]
    if "out_channels" in module.settings:
        given, made = numbers([module.settings["in_channels"], module.settings["out_channels"]], 2)
        _require(module, "channels", given, channels, into)
        channels = made
    formula = layer_formula(module.class_path, module.settings, into[2:])
    if formula is None:
        return None
    sizes = [line.output or 0 for line in formula]
    if min(sizes) < 1:
        raise RequestError(f"{written(into)} is too small for {module.path}, a {module.type}: give a larger --input")
    return LayerShapes(input=into, output=[into[0], channels, *sizes], formula=formula)


def _padded(module: CatalogModule, into: list[int], axes: int) -> list[int]:
    # Listed from the last axis to the first, before and behind each.
    padding = numbers(module.settings["padding"], 2 * axes)
    more = [before + behind for before, behind in zip(padding[-2::-2], padding[::-2], strict=True)]
    if len(into) != axes + 2:
        raise ValueError("no batch of channels")
    return [*into[:2], *(size + added for size, added in zip(into[2:], more, strict=True))]


def _require(module: CatalogModule, what: str, wanted: int, there: int | None, into: list[int]) -> None:
    if wanted != there:
        raise RequestError(
            f"{module.path} is a {module.type} of {wanted} {what}, and {written(into)} comes in: give another --input"
        )


def _flattened(into: list[int], start: object, end: object) -> list[int]:
    """As ``torch.flatten`` has it: the axes from `start` to `end` become one."""
    if not (isinstance(start, int) and isinstance(end, int)):
        raise TypeError("not two axes")
    first, last = range(len(into))[start], range(len(into))[end]
    return [*into[:first], prod(into[first : last + 1]), *into[last + 1 :]]
