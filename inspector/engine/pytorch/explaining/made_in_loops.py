"""One faulty line that makes several layers in a loop: the same mistake waits in the later ones."""

import ast
import copy
import os
from collections.abc import Callable

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.engine.pytorch.explaining.makings import class_definition, owner_of, type_called
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import meta_pass
from inspector.engine.pytorch.user_source import is_repeated, text_of

MOST_LAYERS = 16
_Explain = Callable[[Scene], tuple[str, list[Fix]]]


def for_all_of_a_loop(scene: Scene, why: str, fixes: list[Fix], explain: _Explain) -> tuple[str, list[Fix]]:
    """The first fix carried on to the other layers that its line made and that fail likewise."""
    line = _line_in_a_loop(scene)
    first = fixes[0] if fixes else None
    if line is None or first is None or first.edits or not first.statement:
        return why, fixes
    try:
        paths, statements, texts = _carried_on(scene, first, explain)
    except Exception:  # the model cannot be copied, or needs values: the fix stands for the layer that failed
        return why, fixes
    if len(paths) < 2:
        return why, fixes
    file, call = line
    place = f"line {call.lineno} of {os.path.basename(file)}"
    later = ", ".join(paths[1:])
    why += f"; {place} makes such layers in a loop (`{text_of(file, call)}`), and {later} would fail likewise"
    text = f"what {place} makes in its loop: {'; '.join(texts)} — {'; '.join(statements)}"
    return why, [Fix(text=text, edits=[], statement="; ".join(statements)), *fixes[1:]]


def _line_in_a_loop(scene: Scene) -> tuple[str, ast.Call] | None:
    """The one call in the constructor around the failed layer that makes layers of its class, where it is in a loop."""
    if scene.module is None or not scene.path:
        return None
    owner, _ = owner_of(scene.model, scene.path)
    found = class_definition(type(owner), "__init__") if owner is not None else None
    if found is None:
        return None
    file, function = found
    calls = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and type_called(type(owner), function.name, node) is type(scene.module)
    ]
    return (file, calls[0]) if len(calls) == 1 and is_repeated(file, calls[0]) else None


def _carried_on(scene: Scene, first: Fix, explain: _Explain) -> tuple[list[str], list[str], list[str]]:
    """Paths, statements and texts of the fixes for all layers that fail one after the other, tried on a copy."""
    arguments = scene.given_to(scene.model)
    tried = _without_memory(scene)
    paths, fixes = [scene.path], [first]
    while len(paths) < MOST_LAYERS:
        with torch.device("meta"):
            exec(fixes[-1].statement, {"model": tried, "nn": nn, "torch": torch})
        recorder = Recorder(tried)
        try:
            meta_pass(tried, arguments, recorder, "cpu", 0)
            break
        except Exception as problem:
            after = Scene(problem, tried, recorder)
            _, found = explain(after)
            likewise = type(after.module) is type(scene.module) and after.path not in paths
            if not likewise or not found or found[0].edits or not found[0].statement:
                break
            paths.append(after.path)
            fixes.append(found[0])
    return paths, [fix.statement for fix in fixes], [fix.text.partition(" — ")[0] for fix in fixes]


def _without_memory(scene: Scene) -> nn.Module:
    """A copy of the model whose tensors are on meta: nothing of the model itself is changed."""
    memo: dict[int, object] = {}
    for tensor in scene.own_tensors.values():
        made = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(made, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made
    return copy.deepcopy(scene.model, memo)
