"""Where and why a forward failed: the module, the user's line, the operands with their shapes, what to do."""

import ast
import linecache
from collections.abc import Sequence
from itertools import islice

import torch
from torch import nn

from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Operand
from inspector.engine.pytorch.calls import FailedCall
from inspector.engine.pytorch.explaining import explain
from inspector.engine.pytorch.explaining.made_in_loops import for_all_of_a_loop
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import shapes_in, tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.recording import Recorder

MOST_OPERANDS = 16


def describe_failure(
    problem: BaseException, model: nn.Module, recorder: Recorder, specs: Sequence[InputSpec] = ()
) -> Failure:
    """The failure as a record; the exception's tensors are let go of afterwards. `specs` say what the inputs may be."""
    linecache.checkcache()
    scene = Scene(problem, model, recorder, specs)
    why, fixes = explain(scene)
    if specs:
        why, fixes = for_all_of_a_loop(scene, why, fixes, explain)
    called = scene.record
    failure = Failure(
        path=scene.path,
        type=type(problem).__name__,
        message=first_line(problem) or type(problem).__name__,
        source=scene.source,
        expression=scene.expression,
        input_shapes=called.input_shapes if called is not None else [],
        operands=_operands_of(scene, scene.call) if scene.call is not None else _operands_near(scene),
        explanation=why,
        suggestions=[fix.text for fix in fixes],
        fixes=fixes,
    )
    problem.__traceback__ = None
    return failure


def _operands_of(scene: Scene, call: FailedCall) -> list[Operand]:
    """The tensors that the failing call was given, each as the user's line writes it, or by its key."""
    local = _local_tensors(scene)
    written = {id(value): name for name, value in (local | _named_tensors(scene)).items()}
    found: dict[str, torch.Tensor] = {}
    for number, tensor in enumerate(tensors_in((call.args, call.kwargs)), start=1):
        key = call.keys.get(id(tensor), "")
        # A stand-in on meta stood for the model's own tensor, which is what the line names.
        own = scene.own_tensors.get(key, tensor)
        node = scene.node_of(tensor)
        text = written.get(id(own), key) or (ast.unparse(node) if node is not None else "")
        found.setdefault(text or _given_as(scene, tensor, number, call), tensor)
    return _listed(found)


def _given_as(scene: Scene, tensor: torch.Tensor, number: int, call: FailedCall) -> str:
    """An operand that the line does not write: what the failing layer was given, else by its place in the call."""
    given = list(tensors_in(scene.given)) if scene.module is not None else []
    place = next((place for place, one in enumerate(given, start=1) if one is tensor), None)
    if place is None:
        return f"operand {number} of {canonical_name(call.func)}"
    return _input_of(scene, place, len(given))


def _input_of(scene: Scene, place: int, count: int) -> str:
    return f"the input of {scene.path}" if count == 1 else f"input {place} of {scene.path}"


def _operands_near(scene: Scene) -> list[Operand]:
    """What the failed layer was given and what the expression names; where there is neither, the frame's tensors."""
    given = list(tensors_in(scene.given)) if scene.module is not None else []
    named = _named_tensors(scene)
    found: dict[str, torch.Tensor] = {}
    for place, tensor in enumerate(given, start=1):
        if not any(tensor is one for one in named.values()):
            node = scene.node_of(tensor)
            found[ast.unparse(node) if node is not None else _input_of(scene, place, len(given))] = tensor
    return _listed(found | named or _local_tensors(scene))


def _local_tensors(scene: Scene) -> dict[str, torch.Tensor]:
    local = scene.frame.f_locals if scene.frame is not None else {}
    return {name: value for name, value in local.items() if isinstance(value, torch.Tensor)}


def _named_tensors(scene: Scene) -> dict[str, torch.Tensor]:
    """The tensors that the failing expression names, and those of the modules that it names."""
    found: dict[str, torch.Tensor] = {}
    for node in ast.walk(scene.node) if scene.node is not None else ():
        value = scene.value(node)
        if isinstance(value, nn.Module):
            for name, parameter in value.named_parameters(recurse=False):
                found[f"{ast.unparse(node)}.{name}"] = parameter
        elif isinstance(value, torch.Tensor):
            found[ast.unparse(node)] = value
    return found


def _listed(found: dict[str, torch.Tensor]) -> list[Operand]:
    return [
        Operand(
            text=text,
            shape=shapes_in(tensor)[0],
            dtype=str(tensor.dtype).removeprefix("torch."),
            device="cpu" if tensor.is_meta else str(tensor.device),
        )
        for text, tensor in islice(found.items(), MOST_OPERANDS)
        if not nn.parameter.is_lazy(tensor) and not tensor.is_nested
    ]
