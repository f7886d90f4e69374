"""From a recipe to a live model: the one place that tells the frameworks apart."""

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_target
from inspector.engine.live import LiveModel, Progress


def open_live(recipe: Recipe, progress: Progress = lambda *_: None) -> LiveModel:
    """Open the model that `recipe` names. Raises RequestError with what to do where it cannot be opened."""
    kind = parse_target(recipe.target).kind
    if kind == "onnx":
        from inspector.engine.onnx_model import open_onnx

        progress(0, None, "reading the graph")
        return open_onnx(recipe)
    if kind == "live":
        raise RequestError(
            f"{recipe.target} lives in the memory of a Python program; look at it there: inspector.explore(model)"
        )
    if kind == "weights":
        raise RequestError(
            f"{recipe.target} is a file of tensors, with no model to run; "
            f"open it with its model: nninspect MODEL.py --weights {recipe.target}"
        )
    from inspector.engine.pytorch.model import TorchModel

    return TorchModel.open(recipe, progress)
