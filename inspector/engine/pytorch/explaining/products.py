"""Linear layers and matrix products whose inner sizes differ."""

from itertools import permutations
from math import prod

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import changed_layers
from inspector.engine.pytorch.explaining.flattening import (
    flattened_from,
    is_convolved,
    pooled_before,
    unbatched_flatten,
)
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene, bracketed
from inspector.engine.pytorch.explaining.settings import feature_fixes, parameter_fix


@explains("linear", signature="input weight bias")
def features_of_a_linear(scene: Scene) -> Explained | None:
    """A linear layer that is given another number of features than it takes."""
    given, weight = scene.argument("input"), scene.argument("weight")
    if not _tensors(given, weight) or not given.ndim or given.shape[-1] == weight.shape[-1]:
        return None
    got, wanted = given.shape[-1], weight.shape[-1]
    sizes = list(given.shape)
    why = f"the layer takes {wanted} features on the last axis, {scene.with_shape(given)} has {got}"
    fixes = [*_flattening(scene, given, wanted), *_moving(scene, given, wanted)]
    if given.ndim > 2 and not fixes:
        fixes += _flattening_and_setting(scene, given)
    fixes += feature_fixes(scene, given, got, wanted, "in_features", weight)
    before = flattened_from(scene, given)
    if before is not None and given.ndim == 2:
        why += (
            f": {' · '.join(map(str, before[1:]))} = {prod(before[1:])} numbers of a map of {shape(before)}, flattened"
        )
        fixes += _pooling(scene, given, before, wanted)
    elif given.ndim == 2 and sizes[0] == wanted:
        fixes.insert(0, scene.wrapped(given, "{}.t()", "the axes seem to be swapped: transpose"))
    return Explained(why, fixes)


def _flattening(scene: Scene, given: torch.Tensor, wanted: int) -> list[Fix]:
    for axis in range(1, given.ndim - 1):
        if prod(given.shape[axis:]) == wanted:
            why = f"{' · '.join(map(str, given.shape[axis:]))} = {wanted}: flatten first"
            layer = "nn.Flatten()" if axis == 1 else f"nn.Flatten({axis})"
            return [scene.wrapped(given, f"{{}}.flatten({axis})", why, layer.removeprefix("nn."))]
    if given.ndim == 1 and given.shape[0] % wanted == 0 and (fix := unbatched_flatten(scene, given)):
        return [fix]
    return []


def _moving(scene: Scene, given: torch.Tensor, wanted: int) -> list[Fix]:
    """The features are on another axis."""
    if wanted not in given.shape[1:-1] or given.ndim < 3:
        return []
    axis = list(given.shape).index(wanted, 1)
    if given.ndim == 4 and axis == 1:
        return [
            scene.wrapped(given, "{}.mean((2, 3))", f"average the map, so that its {wanted} channels are left"),
            scene.wrapped(given, "{}.permute(0, 2, 3, 1)", "or apply the layer at each position: channels last"),
        ]
    return [scene.wrapped(given, f"{{}}.transpose({axis}, -1)", f"axis {axis} has {wanted}: bring it to the end")]


def _flattening_and_setting(scene: Scene, given: torch.Tensor) -> list[Fix]:
    """Maps that reach a linear layer are mostly meant to be flattened."""
    if not isinstance(scene.module, nn.Linear) or given.ndim < 4 or not is_convolved(scene, given):
        return []
    features = prod(given.shape[1:])
    flatten = scene.wrapped(given, "{}.flatten(1)", "flatten first", "Flatten()")
    change = scene.changed(in_features=features)
    if any(edit.line == other.line for edit in flatten.edits for other in change.edits):
        return []
    text = f"{flatten.text}; and {change.text}"
    statement = "; ".join(filter(None, [change.statement, flatten.statement]))
    return [Fix(text=text, edits=[*flatten.edits, *change.edits], statement=statement)]


def _pooling(scene: Scene, given: torch.Tensor, before: list[int], wanted: int) -> list[Fix]:
    """Pooling before the flatten, to the sides that the layer was made for."""
    channels = before[1]
    if len(before) != 4 or wanted % channels:
        return []
    sides = [side for side in range(1, 65) if side * side * channels == wanted]
    if not sides:
        return []
    fix = pooled_before(scene, given, sides[0])
    return [fix] if fix is not None else []


@explains("matmul rmatmul mm bmm imatmul", signature="left right")
def inner_sizes_of_a_product(scene: Scene) -> Explained | None:
    """A matrix product of sizes that do not meet."""
    left, right = scene.argument("left"), scene.argument("right", scene.argument("mat2", scene.argument("other")))
    if scene.name == "rmatmul":
        left, right = right, left
    if not _tensors(left, right) or not left.ndim or not right.ndim:
        return None
    inner, wanted = left.shape[-1], right.shape[-2] if right.ndim > 1 else right.shape[0]
    if inner == wanted:
        return _batches_of_a_product(scene, left, right)
    why = (
        f"a product needs the last axis of {scene.with_shape(left)} to be as long as "
        f"{'the last but one' if right.ndim > 1 else 'the axis'} of {scene.with_shape(right)}: {inner} and {wanted}"
    )
    fixes = []
    if right.ndim > 1 and right.shape[-1] == inner:
        which = "one of the two" if left is right else "the right one"
        fixes.append(scene.wrapped(right, "{}.transpose(-2, -1)", f"transpose {which}"))
    if left is not right and left.ndim > 1 and left.shape[-2] == wanted:
        fixes.append(scene.wrapped(left, "{}.transpose(-2, -1)", "transpose the left one"))
    for tensor, axis, size in ((right, max(right.ndim - 2, 0), inner), (left, left.ndim - 1, wanted)):
        if fix := parameter_fix(scene, tensor, axis, size):
            fixes.append(fix)
    if not fixes:
        for tensor, size in ((left, wanted), (right, inner if right.ndim < 2 else None)):
            if size is not None:
                fixes += feature_fixes(scene, tensor, tensor.shape[-1], size, "", None)
    return Explained(why, fixes)


def _batches_of_a_product(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> Explained | None:
    if scene.name == "bmm" and not left.ndim == right.ndim == 3:
        why = f"bmm takes two tensors of 3 axes, {scene.with_shape(left)} and {scene.with_shape(right)} are given"
        return Explained(why, _as_matmul(scene))
    if scene.name == "mm" and not left.ndim == right.ndim == 2:
        why = f"mm takes two matrices, {scene.with_shape(left)} and {scene.with_shape(right)} are given"
        return Explained(why, _as_matmul(scene))
    pairs = list(zip(reversed(left.shape[:-2]), reversed(right.shape[:-2]), strict=False))
    wrong = next(
        ((one, other) for one, other in pairs if one != other and (scene.name == "bmm" or 1 not in (one, other))), None
    )
    if wrong is None:
        return None
    why = f"the batch axes of {scene.with_shape(left)} and {scene.with_shape(right)} differ: {wrong[0]} and {wrong[1]}"
    fixes = _as_matmul(scene) if 1 in wrong else []
    for tensor, other in ((right, left), (left, right)):
        if tensor.ndim == 4 and other.ndim == 4 and tensor.shape[1] == other.shape[2]:
            fixes.append(scene.wrapped(tensor, "{}.transpose(1, 2)", "swap its axes 1 and 2"))
    return Explained(why, fixes)


def _as_matmul(scene: Scene) -> list[Fix]:
    left, right = (scene.node_of(value) for value in (scene.argument("left"), scene.argument("right")))
    if left is None or right is None or scene.node is None:
        return []
    text = f"({bracketed(scene.file, left)} @ {bracketed(scene.file, right)})"
    fix = scene.replaced("multiply with @, which broadcasts batches", (scene.node, text))
    return [fix] if fix is not None else []


@explains("addmm baddbmm", signature="bias left right")
def inner_sizes_of_an_added_product(scene: Scene) -> Explained | None:
    """The same for a product with something added."""
    return inner_sizes_of_a_product(scene)


@explains("einsum", signature="equation")
def sizes_of_an_einsum(scene: Scene) -> Explained | None:
    """A letter of an equation that stands for two sizes, or a term with too many letters."""
    if scene.call is None or not isinstance(scene.call.args[0], str):
        return None
    equation = scene.call.args[0].replace(" ", "")
    operands = [
        tensor for part in scene.call.args[1:] for tensor in (part if isinstance(part, list | tuple) else [part])
    ]
    terms, arrow, output = equation.partition("->")
    letters = terms.split(",")
    if len(letters) != len(operands) or "." in terms:
        return None
    for term, tensor in zip(letters, operands, strict=True):
        if len(term) != tensor.ndim:
            why = f"'{term}' of the equation names {len(term)} axes, {scene.with_shape(tensor)} has {tensor.ndim}"
            return Explained(why)
    seen: dict[str, tuple[int, int]] = {}
    for position, (term, tensor) in enumerate(zip(letters, operands, strict=True)):
        for letter, size in zip(term, tensor.shape, strict=True):
            other, known = seen.setdefault(letter, (position, size))
            if known != size and 1 not in (known, size):
                why = (
                    f"'{letter}' of the equation is {known} in {scene.with_shape(operands[other])} "
                    f"and {size} in {scene.with_shape(tensor)}"
                )
                return Explained(why, _other_letters(scene, letters, operands, arrow + output, position))
    return None


def _other_letters(
    scene: Scene, letters: list[str], operands: list[torch.Tensor], output: str, wrong: int
) -> list[Fix]:
    """The equation with the letters of one term in an order in which sizes agree."""
    node = scene.node_of(scene.call.args[0]) if scene.call is not None else None
    sizes = {
        letter: size
        for place, (term, tensor) in enumerate(zip(letters, operands, strict=True))
        if place != wrong
        for letter, size in zip(term, tensor.shape, strict=True)
    }
    for order in permutations(letters[wrong]):
        if all(sizes.get(letter, size) == size for letter, size in zip(order, operands[wrong].shape, strict=True)):
            terms = [*letters[:wrong], "".join(order), *letters[wrong + 1 :]]
            equation = ",".join(terms) + output
            fix = scene.replaced(f"write '{equation}'", (node, repr(equation)))
            return [fix] if fix is not None else [Fix(text=f"write '{equation}'")]
    return []


@explains("bilinear", signature="left right weight")
def features_of_a_bilinear(scene: Scene) -> Explained | None:
    """A bilinear layer takes two numbers of features."""
    weight = scene.argument("weight")
    settings: dict[str, object] = {}
    for name, axis, what in (("left", 1, "in1_features"), ("right", 2, "in2_features")):
        tensor = scene.argument(name)
        if tensor.shape[-1] != weight.shape[axis]:
            settings[what] = tensor.shape[-1]
    if not settings or not isinstance(scene.module, nn.Bilinear):
        return None
    said = " and ".join(f"{name} is {getattr(scene.module, name)}, given {size}" for name, size in settings.items())
    return Explained(said, [changed_layers(scene.model, {scene.path: settings})])


def _tensors(*values: object) -> bool:
    return all(isinstance(value, torch.Tensor) for value in values)
