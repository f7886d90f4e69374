"""ONNX operators that move positions about: reshaping, joining, padding."""

from inspector.core.field_rules.indexing import IndexItem
from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model.field_registry import reads
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError
from inspector.engine.onnx_model.windows import pads_of


@reads("Flatten Reshape Squeeze Unsqueeze")
def _view(view: NodeView) -> Fields:
    return view.apply("view", [view.operand(0)])


@reads("Transpose")
def _transposition(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    return view.apply("permute", [view.operand(0)], dims=view.attribute("perm", list(range(rank))[::-1]))


@reads("Concat")
def _concatenation(view: NodeView) -> Fields:
    return view.apply("cat", view.operands(), dim=view.attribute("axis", 1))


@reads("Split")
def _splitting(view: NodeView) -> Fields:
    return view.apply("split", [view.operand(0)], dim=view.attribute("axis", 0))


@reads("Tile")
def _repetition(view: NodeView) -> Fields:
    return view.apply("repeat", [view.operand(0)])


@reads("Pad")
def _padding(view: NodeView) -> Fields:
    before, _ = pads_of(view)
    mode = view.attribute("mode", "constant")
    return view.apply("pad", [view.operand(0)], padding=before, mode="replicate" if mode == "edge" else mode)


@reads("CenterCropPad")
def _cropping_to_the_centre(view: NodeView) -> Fields:
    """Source: the specification; where an odd number goes, the extra one is behind."""
    shape, output = view.shape(0), view.output()
    cropped = tuple(min(before, after) for before, after in zip(shape, output, strict=True))
    items: list[IndexItem] = [((before - after) // 2, 1) for before, after in zip(shape, cropped, strict=True)]
    inner = view.apply_to("slice", view.operand(0), cropped, items=items)
    added = [(after - before) // 2 for before, after in zip(cropped, output, strict=True)]
    return view.apply("pad", [inner], padding=added)


@reads("GridSample")
def _sampling(view: NodeView) -> Fields:
    return view.apply("sample", [view.operand(0), view.operand(1)])


@reads("AffineGrid")
def _affine_grid(view: NodeView) -> Fields:
    """A place for each position of an image, all from the one matrix of a sample."""
    shape, field = view.operand(0)
    rank = len(view.output())
    (matrix,) = view.apply_for("reduce", [(shape, field)], [(shape[0],)], dims=[1, 2])
    spread = (shape[0], *[1] * (rank - 1))
    (placed,) = view.apply_for("view", [((shape[0],), matrix)], [spread])
    return view.apply("expand", [(spread, placed)])


@reads("DepthToSpace")
def _depth_to_space(view: NodeView) -> Fields:
    return view.apply("pixel_shuffle", [view.operand(0)], factor=view.attribute("blocksize", 1))


@reads("SpaceToDepth")
def _space_to_depth(view: NodeView) -> Fields:
    return view.apply("pixel_unshuffle", [view.operand(0)], factor=view.attribute("blocksize", 1))


@reads("ConstantOfShape EyeLike OptionalHasElement RandomNormalLike RandomUniformLike Shape Size")
def _constant(view: NodeView) -> Fields:
    return [None] * len([name for name in view.node.proto.output if name])


@reads("OneHot")
def _one_hot(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    if view.attribute("axis", -1) % (rank + 1) != rank:
        raise UnreadableError
    return view.apply("embedding", [view.operand(0)])
