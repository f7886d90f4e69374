"""The journal as a Python script: it opens the model, loads the weights and repeats the edits to the same bits.

It needs torch and the user's own files, not nninspect. What it repeats is `inspector.engine.initialising.draw` and
`inspector.engine.pytorch.editing`, in as few lines as that takes; a test compares the bits.
"""

import json

from inspector.core.activation_gains import ACTIVATIONS, moment_gain
from inspector.core.edits import Edit, Journal
from inspector.core.errors import RequestError
from inspector.core.initialisers import InitialiserCall, parse_initialiser, torch_arguments
from inspector.core.loads import Load
from inspector.core.recipe import Recipe, Target, parse_arguments, parse_target
from inspector.core.script_initialising import INITIALISE, LAYER_DEFAULT
from inspector.core.script_parts import (
    LOAD_STATE,
    LOAD_WEIGHTS,
    MATERIALISE,
    MODULE_AT,
    ONLY_MODEL,
    OPEN_FILE,
    REQUIRES_GRAD,
    SET_ELEMENT,
    TIE,
)

FILLS = ("constant_", "ones_", "zeros_")


def script(recipe: Recipe, journal: Journal, name: str | None = None, load: Load | None = None) -> str:
    """The script's text; `name` is the class or function that the target meant where it does not say so itself.

    `load` is how the recipe's weights fitted, where that is known.

    Raises RequestError for a model that is not PyTorch code.
    """
    target = parse_target(recipe.target)
    if target.kind == "live":
        raise RequestError(f"{recipe.target} lives in your own program, where its changes are made already")
    if target.kind not in ("python_file", "python_module"):
        raise RequestError(
            f"{recipe.target} is not Python code, so there is no script that repeats its edits; save it instead"
        )
    calls = [parse_initialiser(edit.argument) for edit in journal.done if edit.action == "initialise"]
    parts = [_heading(recipe, journal), _IMPORTS, _opening(recipe, target, target.name or name)]
    if recipe.weights is not None:
        own = f"{LOAD_WEIGHTS}\n\nload_weights({_text(recipe.weights)})"
        parts.append(f"{load.python}\n{LOAD_STATE}" if load is not None and load.python else own)
    device = f"model.to({_text(recipe.device)})\n" if recipe.device else ""
    parts.append(f"{device}model.train({recipe.training})")
    made = {edit.action for edit in journal.done}
    if "materialise" in made or any(call.name == "layer_default" for call in calls):
        parts.append(LAYER_DEFAULT)
    if any(edit.action != "mode" or edit.where for edit in journal.done):
        parts.append(MODULE_AT)
    if calls or "materialise" in made:
        parts.append(INITIALISE)
    parts += [text for action, text in _FUNCTIONS.items() if action in made]
    parts.append("\n".join(line for edit in journal.done for line in _repeat(edit)))
    return "\n\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


_FUNCTIONS = {"set_element": SET_ELEMENT, "requires_grad": REQUIRES_GRAD, "tie": TIE, "materialise": MATERIALISE}


def _heading(recipe: Recipe, journal: Journal) -> str:
    edits = "1 edit" if len(journal.done) == 1 else f"{len(journal.done)} edits"
    weights = f" with {recipe.weights}" if recipe.weights else ""
    what = json.dumps(recipe.target + weights)
    return f"# {what}: the model opened anew, and {edits} made again. Run it in the same folder."


_IMPORTS = """
import copy
import importlib
import importlib.util
import inspect
import math
import random
import re
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
"""


def _opening(recipe: Recipe, target: Target, name: str | None) -> str:
    positional, named = parse_arguments(recipe.arguments)
    arguments = ", ".join([repr(value) for value in positional] + [f"{key}={value!r}" for key, value in named.items()])
    if target.kind == "python_file":
        lines = [OPEN_FILE.strip("\n"), "", "", f"source = open_file({_text(target.location)})"]
    else:
        lines = ['sys.path.insert(0, "")', f"source = importlib.import_module({_text(target.location)})"]
    if name is None:
        lines += [
            "",
            ONLY_MODEL.strip("\n"),
            "",
            "",
            f"meant = only_model(source{', ' + arguments if arguments else ''})",
        ]
    else:
        lines.append(f"meant = source.{name}")
    lines += [
        f"torch.manual_seed({recipe.seed})",
        f"random.seed({recipe.seed})",
        'if "numpy" in sys.modules:',
        f'    sys.modules["numpy"].random.seed({recipe.seed % 2**32})',
        f"model = meant if isinstance(meant, nn.Module) else meant({arguments})",
    ]
    return "\n".join(lines)


def _repeat(edit: Edit) -> list[str]:
    lines = []
    if edit.input_shapes:
        inputs = ", ".join(f"torch.zeros({shape})" for shape in edit.input_shapes)
        lines = ["if any(is_lazy(value) for value in model.parameters()):", f"    model({inputs})"]
    if edit.action == "initialise":
        call = parse_initialiser(edit.argument)
        fill = "" if call.name == "layer_default" else f", {_fill(call)}{_beyond_torch(call)}"
        frozen = ", frozen=True" if edit.frozen else ""
        frozen += f", scales={edit.scales!r}" if edit.scales is not None else ""
        return [*lines, f"initialise({_text(edit.where)}, {edit.seed}{fill}{frozen})"]
    if edit.action == "set_element":
        return [*lines, f"set_element({_text(edit.where)}, {tuple(edit.index)}, {_text(edit.argument.strip())})"]
    if edit.action == "requires_grad":
        return [*lines, f"requires_grad({_text(edit.where)}, {edit.argument == 'True'})"]
    if edit.action == "tie":
        return [*lines, f"tie({_text(edit.where)}, {_text(edit.argument)})"]
    if edit.action == "materialise":
        return [*lines, f"materialise({_text(edit.where)}, {_text(edit.argument)}, {edit.seed})"]
    module = f"module_at({_text(edit.where)})" if edit.where else "model"
    if edit.action == "place":
        return [*lines, f"{module}.to({_text(edit.argument)})"]
    return [*lines, f"{module}.train({edit.argument == 'train'})"]


def _fill(call: InitialiserCall) -> str:
    if call.name == "uniform_dead_zone":
        low, high, dead = (call.complete[name] for name in ("low", "high", "dead"))
        return f"lambda w: nn.init.uniform_(w, {low}, {high}).mul_(w.abs() >= {dead})"
    if call.name == "lsuv":
        return "nn.init.orthogonal_"
    arguments = "".join(f", {name}={value!r}" for name, value in torch_arguments(call, complete=False).items())
    return f"lambda w: nn.init.{call.name}(w{arguments})"


def _beyond_torch(call: InitialiserCall) -> str:
    """What the function of torch is not asked for: other fans, a gain of ours, values of other types."""
    text = ", fills_any_dtype=True" if call.name in FILLS else ""
    if call.name == "lsuv":
        text += ', effective="parts"'
    if call.complete.get("fan") == "effective":
        whole = {"orthogonal_": "parts"}.get(call.name, "both")
        text += f", effective={_text(str(call.complete.get('mode', whole)))}"
    nonlinearity = str(call.complete.get("nonlinearity", ""))
    return text + (f", gain={moment_gain(nonlinearity)!r}" if nonlinearity in ACTIVATIONS else "")


def _text(text: str) -> str:
    """A Python literal in double quotes; JSON's is one, except that it would leave lone surrogates unescaped."""
    return json.dumps(text)
