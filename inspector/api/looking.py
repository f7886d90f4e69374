"""Looking at a model from Python: what `nninspect summary`, `check` and `forward` tell, as records."""

from collections.abc import Sequence
from typing import Any, Unpack

from inspector.api.opening import Model, Opening, converse
from inspector.api.results import CheckResult, Summary, TraceResult
from inspector.core.findings import CheckReport
from inspector.core.forward_settings import ForwardSettings
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.recipe import Recipe
from inspector.core.results import ForwardReport
from inspector.core.table import ModelTable
from inspector.worker.client import Client
from inspector.worker.protocol import Check, Forward, Memory, Open, Trace


def summary(
    model: Model, *inputs: Any, memory: bool | MemorySettings = False, full: bool = False, **opening: Unpack[Opening]
) -> Summary:
    """The modules and functions of a model with parameters, shapes, receptive fields and devices; its tensors.

    `model` is a `torch.nn.Module`, left as it is, or a TARGET: "model.py:Net", "net.onnx", "weights.pt". `inputs` are
    what forward is called with, tensors and structures of them, or specs such as "1x3x224x224"; without any they are
    worked out. With `memory` also what inference and training take. `full`: repeated blocks are shown each.

    Raises RequestError. A forward that fails is no error but `Summary.failure`.
    """

    async def talk(client: Client, recipe: Recipe) -> tuple[ModelTable, MemoryReport | None]:
        await client.request(Open(recipe=recipe))
        table = await client.request(Trace(inputs=recipe.inputs))
        if not memory or table.failure is not None:
            return table, None
        settings = memory if isinstance(memory, MemorySettings) else MemorySettings(inputs=recipe.inputs)
        return table, await client.request(Memory(settings=settings))

    table, report = converse(model, inputs, opening, talk)
    return Summary(table, report, full)


def check(
    model: Model,
    *inputs: Any,
    select: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    **opening: Unpack[Opening],
) -> CheckResult:
    """What is wrong with a model, with evidence, most severe first; arguments as for `summary`.

    `select` and `ignore` are ids of rules or their beginnings, "NN105", "NN1,NN3", ["NN1", "NN3"]; where they
    are empty, those of the project's ``[tool.nninspect]`` count. The model stays as it is.

    Raises RequestError.
    """
    from inspector.core.check_configuration import configuration_for
    from inspector.worker.check_settings import check_settings

    async def talk(client: Client, recipe: Recipe) -> CheckReport:
        settings = check_settings(configuration_for(recipe.target), recipe.inputs, select, ignore)
        await client.request(Open(recipe=recipe))
        return await client.request(Check(settings=settings))

    return CheckResult(converse(model, inputs, opening, talk))


def trace(
    model: Model, *inputs: Any, backward: bool = False, batches: int = 1, **opening: Unpack[Opening]
) -> TraceResult:
    """What a real forward pass did, row by row: statistics, times, the first NaN; arguments as for `summary`.

    With `backward` also a backward pass from a randomly weighted sum of the outputs. The pass runs on copies of the
    tensors given, without an optimizer's step; buffers, gradients, modes and random state are as before. Only lazy
    parameters get their shapes, as from any forward. With several `batches` inputs that are drawn are drawn anew.

    Raises RequestError. A forward that fails is no error but `TraceResult.failure`.
    """

    async def talk(client: Client, recipe: Recipe) -> ForwardReport:
        await client.request(Open(recipe=recipe))
        settings = ForwardSettings(inputs=recipe.inputs, seed=recipe.seed, backward=backward, batches=batches)
        return await client.request(Forward(settings=settings))

    return TraceResult(converse(model, inputs, opening, talk))
