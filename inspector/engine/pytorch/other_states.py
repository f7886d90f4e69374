"""Put a model into another state for one pass: another mode, dtype, initialisation or file of weights.

All of it is done inside of `untouched`, which takes it back.
"""

import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, later_seed
from inspector.core.run_comparison import OtherState
from inspector.core.table import ModelTable
from inspector.core.wording import percent
from inspector.engine.pytorch.editing import apply_initialise
from inspector.engine.pytorch.weights import load_weights

EVERYTHING = "*"


def put_into(model: nn.Module, other: OtherState, recipe: Recipe, table: ModelTable) -> str:
    """Change the model in place; returns what is different now, as one sentence.

    Raises RequestError where nothing would be different, or the file does not load.
    """
    if other.kind == "mode":
        return _switched(model, other.argument)
    if other.kind == "dtype":
        return _converted(model, other.argument)
    if other.kind == "file":
        return _loaded(model, other.argument, recipe)
    seed = later_seed(recipe.seed, 1)
    edit = Edit(action="initialise", where=EVERYTHING, argument="layer_default", seed=seed)
    return apply_initialise(model, edit, table.tensors, table.rows)[1]


def _switched(model: nn.Module, mode: str) -> str:
    training = mode == "train"
    modules = list(model.modules())
    if all(module.training == training for module in modules):
        other = "eval" if training else "train"
        raise RequestError(f"the model is in {mode} mode already, nothing would differ; compare with {other}")
    model.train(training)
    return f"in {mode} mode"


def _converted(model: nn.Module, name: str) -> str:
    dtype = getattr(torch, name)
    floating = [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()]
    if floating and all(tensor.dtype == dtype for tensor in floating):
        raise RequestError(f"the model is {name} already, nothing would differ; compare with another dtype")
    model.to(dtype)
    return f"parameters, buffers and inputs as {name}"


def _loaded(model: nn.Module, path: str, recipe: Recipe) -> str:
    load = load_weights(model, path, recipe.allow_outside)
    if not load.matched:
        raise RequestError(f"nothing in {path} fits this model; `nninspect repair {path} --for …` says why")
    return f"weights of {path}, which fill {percent(load.coverage)} of the model"
