"""How a tensor's axes differ between frameworks, read off two shapes.

A linear weight is (out, in) in torch and (in, out) in TensorFlow, Flax and GPT-2's Conv1D; a kernel is OIHW in torch
and HWIO in TensorFlow and Flax (D and W likewise); a 1×1 convolution is a linear layer with axes of one.
"""

from inspector.files.matching.records import Change, Shape

Found = tuple[str, list[Change]]
"""The rule's kind, empty for a plain copy, and the changes."""


def loose(shape: Shape | None) -> tuple[int, ...] | None:
    """What stays of a shape under every change of layout: its sizes in order, without ones."""
    return None if shape is None else tuple(sorted(size for size in shape if size != 1))


def layout(file: Shape | None, model: Shape | None) -> Found | None:
    """The change of layout that makes `file` into `model`; None where none does."""
    if model is None or file is None or file == model:
        return "", []
    if sorted(file) == sorted(model) and len(file) == len(model):
        for axes in _orders(file):
            if tuple(file[axis] for axis in axes) == model:
                kind = "transpose" if len(axes) == 2 else "kernel_layout"
                return kind, [Change(op="permute", axes=axes)]
    if len(file) == len(model):
        return None
    wide, thin = _without_ones(file), _without_ones(model)
    if wide == thin:
        return "squeeze", [Change(op="reshape", shape=list(model))]
    if len(wide) == 2 and thin == wide[::-1]:
        flat = [] if len(file) == 2 else [Change(op="reshape", shape=list(wide))]
        wider = [] if len(model) == 2 else [Change(op="reshape", shape=list(model))]
        return "transpose", [*flat, Change(op="permute", axes=[1, 0]), *wider]
    return None


def _orders(file: Shape) -> list[list[int]]:
    """The orders of axes to try; a kernel's windows are the smaller sizes, where both orders would do."""
    axes = len(file)
    if axes == 2:
        return [[1, 0]]
    if axes not in (3, 4, 5):
        return []
    spatial = list(range(axes - 2))
    to_torch = [axes - 1, axes - 2, *spatial]
    from_torch = [*range(2, axes), 1, 0]
    return [to_torch, from_torch] if file[0] <= file[-1] else [from_torch, to_torch]


def _without_ones(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
