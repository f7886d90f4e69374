"""A client without an engine: a hand-made LeNet, and an answer to every request."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from fake_pass import FakePass

from inspector.core.ablation import AblatedRow, AblationReport
from inspector.core.differences import Aligned, DiffReport
from inspector.core.edits import Edit, Journal
from inspector.core.findings import CheckReport, Finding, NotRun, Rule, Suppressed
from inspector.core.loads import Load, LoadRule, Mismatch
from inspector.core.memory import DeviceFit, Fitting, MemoryReport, MemorySettings, Peak, RowMemory
from inspector.core.placement import KeptWhole, PlacementPlan, PlannedDevice, RowPlacement
from inspector.core.recipe import Recipe
from inspector.core.repair import Found, Harmless, Proposal, RepairReport, RepairSettings, Unsure
from inspector.core.results import (
    CloneReport,
    Device,
    EditReport,
    ForwardReport,
    Histogram,
    InitPreview,
    InitTarget,
    KeyExplanation,
    KeyPart,
    LayerScale,
    OutputPreview,
    RowRun,
    SaveReport,
    SourceReport,
    Statistics,
    ValuesReport,
)
from inspector.core.table import (
    Failure,
    FieldAxis,
    FormulaLine,
    Input,
    ModelInfo,
    ModelTable,
    Operand,
    Output,
    ReceptiveField,
    Row,
    Source,
    Tensor,
    Totals,
)
from inspector.core.tensor_index import parse_index
from inspector.files.values.pictures import picture_of_array
from inspector.worker import protocol

FORWARD = """\
def forward(self, x):
    x = F.max_pool2d(F.relu(self.conv1(x)), 2)
    x = x.view(x.size(0), -1)
    return self.fc(x)
"""
STATISTICS = Statistics(
    mean=0.0012,
    std=0.4,
    min=-1.5,
    max=2.0,
    zeros=0.25,
    histogram=Histogram(edges=[-1.5, -0.5, 0.5, 2.0], counts=[4, 90, 6]),
)


SHAPES = [[1, 3, 32, 32], [1, 3, 33, 33]]


def recipe() -> Recipe:
    return Recipe(target="lenet.py", weights="lenet.params")


def lenet(traced: bool = True, failed: bool = False) -> ModelTable:
    """conv1, relu, max_pool2d, view, fc: as `summary --json` would print it."""

    def source(line: int) -> Source:
        return Source(file="lenet.py", line=line, text=FORWARD.splitlines()[line - 10])

    def field(size: int, stride: int) -> ReceptiveField:
        axis = FieldAxis(pixels=32, units=(32 - size) // stride + 1, dim=2, first=[0], last=[size - 1], shift=stride)
        return ReceptiveField(
            status="exact", size=[size, size], stride=[stride, stride], start=[0, 0],
            axes=[axis, msgspec.structs.replace(axis, dim=3)],
        )  # fmt: skip

    everything = ReceptiveField(
        status="whole_input", via="fc", size=[32, 32], stride=[0, 0], start=[0, 0],
        axes=[FieldAxis(pixels=32, units=1, whole=True)] * 2,
    )  # fmt: skip

    def function(index: int, name: str, line: int, shape: list[int], seen: ReceptiveField) -> Row:
        return Row(
            index=index, parent=0, kind="function", path="", type=name, name=name, depth=1, reached=True,
            output_shapes=[shape], dtype="float32", device="cpu", source=source(line), receptive_field=seen,
        )  # fmt: skip

    conv = Row(
        index=1, parent=0, kind="module", path="conv1", type="Conv2d", depth=1, name="conv1", reached=traced,
        hyperparameters="3, 6, kernel_size=(5, 5), stride=(1, 1)", parameters=456, own_parameters=456,
        trainable_parameters=456, dtype="float32", device="cpu",
        input_shapes=[[1, 3, 32, 32]] if traced else [], output_shapes=[[1, 6, 28, 28]] if traced else [],
        source=source(11) if traced else None, receptive_field=field(5, 1) if traced else None,
        formula=[
            FormulaLine(axis=axis, text="⌊(32 + 2·0 − 1·(5 − 1) − 1)/1⌋ + 1 = 28", output=28) for axis in "HW"
        ],
    )  # fmt: skip
    between = [
        function(2, "relu", 11, [1, 6, 28, 28], field(5, 1)),
        function(3, "max_pool2d", 11, [1, 6, 14, 14], field(6, 2)),
        function(4, "view", 12, [1, 1176], field(6, 2)),
    ]
    at = 5 if traced else 2
    fc = Row(
        index=at, parent=0, kind="module", path="fc", type="Linear", depth=1, name="fc", reached=traced and not failed,
        hyperparameters="in_features=1176, out_features=10, bias=True", parameters=11770, own_parameters=11770,
        trainable_parameters=11770, dtype="float32", device="cpu",
        input_shapes=[[1, 1176]] if traced else [], output_shapes=[[1, 10]] if traced and not failed else [],
        source=source(13) if traced else None,
        receptive_field=everything if traced and not failed else None,
    )  # fmt: skip
    root = Row(
        index=0, parent=None, kind="module", path="", type="LeNet", depth=0, subtree=at + 1, reached=traced,
        parameters=12226, trainable_parameters=12226, dtype="float32", device="cpu",
        input_shapes=[[1, 3, 32, 32]] if traced else [], output_shapes=fc.output_shapes,
    )  # fmt: skip
    failure = Failure(
        path="fc", type="RuntimeError", message="mat1 and mat2 shapes cannot be multiplied (1x1176 and 400x10)",
        source=source(13), input_shapes=[[1, 1176]],
        operands=[Operand(text="x", shape=[1, 1176], dtype="float32", device="cpu")],
        explanation="fc takes vectors of 400 numbers but gets 1176.", suggestions=["build fc with in_features=1176"],
    )  # fmt: skip
    return ModelTable(
        model=ModelInfo(name="LeNet", framework="torch", target="lenet.py", weights="lenet.params", devices=["cpu"]),
        inputs=[
            Input(
                name="x", shape=[1, 3, 32, 32], dtype="float32", origin="inferred", alternatives=SHAPES,
                spec="x=1x3x32x32",
            )
        ] if traced else [],
        outputs=[Output(name="", shape=[1, 10], dtype="float32")] if traced and not failed else [],
        totals=Totals(parameters=12226, trainable_parameters=12226, parameter_bytes=48904, modules=3),
        rows=[root, conv, *(between if traced else []), fc],
        tensors=[
            tensor("conv1.weight", [6, 3, 5, 5]),
            tensor("conv1.bias", [6]),
            tensor("fc.weight", [10, 1176]),
            tensor("fc.bias", [10]),
        ],
        failure=failure if failed else None,
        load=Load(matched=4, coverage=1.0),
    )  # fmt: skip


def tensor(key: str, shape: list[int]) -> Tensor:
    elements = 1
    for size in shape:
        elements *= size
    return Tensor(
        key=key, kind="parameter", shape=shape, dtype="float32", device="cpu", trainable=True, persistent=True,
        elements=elements, bytes=4 * elements, expression=f"model.{key}",
    )  # fmt: skip


def sizes_of(table: ModelTable, key: str) -> list[int]:
    """The shape of a tensor, or of what a row puts out."""
    outputs = {name: shape for row in table.rows for name, shape in zip(row.values, row.output_shapes, strict=False)}
    return {**outputs, **{one.key: one.shape or [] for one in table.tensors}}[key]


class FakeClient:
    """Answers from hand-made tables; what a request finds in `answers` is said, raised or called instead."""

    def __init__(self, table: ModelTable | None = None) -> None:
        self.journal = Journal()
        self.listeners: list[Callable[[protocol.Event], None]] = []
        self.asked: list[protocol.Request[Any]] = []
        self.answers: dict[type[protocol.Request[Any]], Any] = {}
        self.gate = asyncio.Event()
        """Requests are answered while it is set."""
        self.gate.set()
        self.cancelled = 0
        self.closed = False
        self.others: list[FakeClient] = []
        self.stepped = FakePass()
        self._table = table

    def asked_for(self, kind: type[protocol.Request[Any]]) -> list[Any]:
        return [request for request in self.asked if isinstance(request, kind)]

    def tell(self, event: protocol.Event) -> None:
        for listener in self.listeners:
            listener(event)

    async def start(self) -> None:
        self.tell(protocol.WorkerState("starting", "starting the worker"))

    async def request(self, request: protocol.Request[Any]) -> Any:
        self.asked.append(request)
        await self.gate.wait()
        answer = self.answers.get(type(request), self._answer)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def beside(self, recipe: Recipe) -> "FakeClient":
        self.others.append(FakeClient())
        return self.others[-1]

    async def cancel(self) -> None:
        self.cancelled += 1

    async def close(self) -> None:
        self.closed = True

    def _answer(self, request: Any) -> Any:
        table = self._table or lenet()
        match request:
            case protocol.Open(recipe=recipe):
                self.journal.done[:] = recipe.edits
                self.journal.undone.clear()
                self.tell(protocol.WorkerState("ready", "ready"))
                return self._table or lenet(traced=False)
            case protocol.Trace():
                return table
            case protocol.Forward():
                return ForwardReport(
                    table=table,
                    runs=[
                        RowRun(seconds=0.001 * (i + 1), self_seconds=0.0005, output_bytes=96, statistics=STATISTICS)
                        for i in range(len(table.rows))
                    ],
                    outputs=[OutputPreview(name="", shape=[1, 10], dtype="float32", text="tensor([[0.1, -0.2]])")],
                    seconds=0.0123,
                    seed=request.settings.seed,
                )
            case protocol.Memory():
                return memory(request.settings, len(table.rows))
            case protocol.Plan():
                return planned(len(table.rows))
            case protocol.Ablate():
                return ablated()
            case protocol.Check():
                return found()
            case protocol.Repair():
                return mended(request.settings)
            case protocol.CompareClone():
                return CloneReport(equal=True, max_abs=0.0, outputs=[], explanation="bit for bit the same")
            case protocol.Explain():
                return [explanation(key) for key in request.keys or [one.key for one in table.tensors]]
            case protocol.Values():
                sizes = sizes_of(table, request.key)
                parse_index(request.index, sizes, request.key)
                return ValuesReport(
                    key=request.key, index=request.index, shape=[5, 5], dtype="float32", device="cpu",
                    statistics=STATISTICS, rows=[[0.5, -0.25], [None, 1.0]],
                )  # fmt: skip
            case protocol.DrawValues(settings=settings):
                sizes = sizes_of(table, settings.key)
                return picture_of_array(waves(sizes), settings, "float32")
            case protocol.StartStepping() | protocol.Step() | protocol.LookAtStop() | protocol.ChangeAtStop():
                return self.stepped.answer(request)
            case protocol.Evaluate():
                return self.stepped.evaluate(request)
            case protocol.SourceOf():
                return SourceReport(path=request.path, file="lenet.py", first_line=10, text=FORWARD)
            case protocol.Preview(measured=True):
                return measured_preview(request.edit)
            case protocol.Preview():
                return preview(request.edit)
            case protocol.Apply():
                self.journal.record(request.edit)
                return self._edited(request.edit)
            case protocol.Undo():
                return self._edited(self.journal.undo())
            case protocol.Redo():
                return self._edited(self.journal.redo())
            case protocol.Devices():
                return [
                    Device(name="cpu", description="processor", total_bytes=8 << 30, free_bytes=4 << 30),
                    Device(name="meta", description="shapes only", total_bytes=None, free_bytes=None),
                ]
            case protocol.Diff():
                return difference()
            case protocol.Save():
                return SaveReport(path=request.path, tensors=4, bytes=48904, files=[request.path])
        raise AssertionError(request)

    def _edited(self, edit: Edit | None) -> EditReport:
        assert edit is not None
        return EditReport(
            edit=edit, keys=[edit.where], message=f"{edit.action} {edit.where}", table=self._table or lenet(),
            can_undo=bool(self.journal.done), can_redo=bool(self.journal.undone),
        )  # fmt: skip


def waves(shape: list[int]) -> np.ndarray:
    """Values that no two places share, positive and negative ones in stripes."""
    at = np.indices(shape, dtype=np.float64)
    steps = np.arange(len(shape), 0, -1).reshape(-1, *[1] * len(shape))
    return np.sin((at * steps / 3).sum(axis=0)) * (1 + at[-1] / 100) - at[0] / 50


def found() -> CheckReport:
    """Findings of two rules that no version of the program has, and one that could not be applied."""
    rules = [
        Rule(
            id=f"NN99{number}", name=name, looks_for=f"Layers that are {name}.", thresholds="More than 3 of 4.",
            source="A paper on layers.",
        )
        for number, name in enumerate(("sleepy", "hungry", "absent"))
    ]  # fmt: skip

    def finding(rule: int, severity: Any, path: str) -> Finding:
        return Finding(
            rule=rules[rule].id, name=rules[rule].name, severity=severity, path=path,
            message=f"{path or 'the model'} is {rules[rule].name}", evidence="3 of 4 units", fix="feed it more",
            may_be_wrong="when it is on a diet",
        )  # fmt: skip

    return CheckReport(
        findings=[finding(1, "error", "fc.weight"), finding(0, "warning", "conv1"), finding(0, "info", "")],
        not_run=[NotRun(rule="NN992", why="it needs a pass, and there is none")],
        rules=rules,
        tensors=4,
    )


def with_fixes(report: CheckReport) -> CheckReport:
    """The first finding with a change, the second with a patch, the third kept quiet by a comment."""
    change, patch, quiet = report.findings
    edit = Edit(action="initialise", where="fc.weight", argument="layer_default", seed=7)
    diff = "--- net.py\n+++ net.py\n@@ -1 +1 @@\n-x = [bold]\n+x = [/]\n"
    by = Source(file="net.py", line=3, text="x = 1  # nninspect: ignore[NN990]")
    findings = [msgspec.structs.replace(change, edit=edit), msgspec.structs.replace(patch, patch=diff)]
    return msgspec.structs.replace(report, findings=findings, suppressed=[Suppressed(finding=quiet, by=by)])


def ablated() -> AblationReport:
    """One row of each kind: a module, a function of several calls, one that cannot be switched off."""
    rows = [
        AblatedRow(path="fc", type="Linear", calls=1, index=5, by="zero", relative=1.0, max_abs=0.5),
        AblatedRow(path="", type="relu", is_function=True, calls=2, index=2, by="identity", relative=0.25, max_abs=0.1),
        AblatedRow(path="gone.[red]", type="Odd", calls=1, by="zero", problem="RuntimeError: [/] does not run"),
    ]
    return AblationReport(rows=rows, seed=0, left_out=3)


def mended(settings: RepairSettings) -> RepairReport:
    """A file with another head: of everything that a report can say, one."""
    return RepairReport(
        loads=False, verdict="3.7 % of the model's elements are filled", container="net", coverage=0.037, matched=2,
        rules=[LoadRule(kind="drop_wrapper", from_="module.", to="", tensors=2, confidence=0.9, condition="n ≥ 3")],
        missing=["fc.scale"], unexpected=["neck.weight"],
        mismatched=[Mismatch(key="fc.weight", file_shape=[7, 1176], model_shape=[10, 1176])],
        ambiguous=[Unsure(model=["conv1.bias"], candidates=["a.bias", "b.bias"], why="both are 6 long")],
        harmless=[Harmless(key="steps", side="file", why="a counter")],
        proposals=[
            Proposal(kind="class head", keys=["fc.weight"], elements=11760, message="fc: load the rest"),
            Proposal(kind="weight_norm_fold", keys=["conv1.weight"], elements=450, message="conv1: fold its norm"),
        ],
        stays_random=["fc.weight", "fc.bias"], notes=["a note"],
        others=[Found(container="ema", kind="average", coverage=0.5)], arguments="num_classes=7",
        snippet="import torch\nstate = {}", written=settings.output if settings.partial else None,
    )  # fmt: skip


def difference() -> DiffReport:
    """A row in every state, one of them a guess, one of several tensors."""

    def row(a: list[str], b: list[str], shape: list[int], **facts: Any) -> Aligned:
        known = {"shape_a": shape, "dtype_a": "float32"} if a else {}
        known |= {"shape_b": shape, "dtype_b": "float32"} if b else {}
        return Aligned(keys_a=a, keys_b=b, **{**known, **facts})

    equal: dict[str, Any] = {"equal": True, "max_abs": 0.0, "relative": 0.0, "cosine": 0.0}
    changed: dict[str, Any] = {"equal": False, "max_abs": 0.25, "relative": 0.125, "cosine": 0.0078}
    return DiffReport(
        rows=[
            row(["conv1.weight"], ["conv1.weight"], [6, 3, 5, 5], **changed),
            row(["conv1.bias"], ["stem.bias"], [6], **equal, ambiguous=True),
            row([], ["extra.[bold red]"], [2]),
            row(["fc.weight"], ["fc.q", "fc.k"], [10, 1176], **{**changed, "relative": 0.5}),
            row(["fc.bias"], ["fc.bias"], [10], shape_b=[12]),
            row(["gone"], [], [3]),
            row(["same"], ["same"], [4], **equal),
            row(["meta"], ["meta"], [5], why="meta is on the meta device: its values cannot be shown"),
        ],
        rules=[LoadRule(kind="renamed", from_="conv1", to="stem", tensors=1, confidence=0.5)],
        ambiguous=[Unsure(model=["conv1.bias"], candidates=["stem.bias"], why="only its shape speaks for it")],
        notes=["compared the top of A with state_dict of B; not compared: optimizer (an optimizer's state) of B"],
    )


def memory(settings: MemorySettings, rows: int) -> MemoryReport:
    batch = settings.batch or 1
    forward = {"parameters": 48904, "inputs": 12288 * batch, "other": 37632 * batch}
    backward = {**forward, "gradients": 47080, "optimizer": 97808, "saved": 30720 * batch}
    known = [RowMemory(output_bytes=40 * batch, saved_bytes=30720 * batch), RowMemory(output_bytes=18816 * batch)]
    kept = RowMemory(output_bytes=18816 * batch, saved_bytes=15360 * batch)
    return MemoryReport(
        inputs=[Output(name="x", shape=[batch, 3, 32, 32], dtype="float32")], batch=batch,
        dtype=settings.dtype or "float32", optimizer=settings.optimizer, parameter_bytes=48904, buffer_bytes=0,
        input_bytes=12288 * batch, gradient_bytes=48904, optimizer_bytes=97808, saved_bytes=30720 * batch,
        inference=Peak(bytes=sum(forward.values()), phase="forward", path="", type="F.relu", row=2, uses=forward),
        training=Peak(
            bytes=sum(backward.values()), phase="backward", path="conv1", type="Conv2d", row=1, uses=backward
        ),
        fitting=Fitting(limit=settings.limit, inference=900, training=300) if settings.limit else None,
        devices=[
            DeviceFit(device=name, free_bytes=4 << 30, inference_left=1 << 30, training_left=-(2 << 20))
            for name in settings.devices
        ],
        rows=[*known, kept, kept, *([RowMemory()] * (rows - 4))],
    )  # fmt: skip


def planned(rows: int) -> PlacementPlan:
    """conv1 on cuda:0, fc on the CPU, which is brought to cuda:0; from where its input comes from cuda:1."""
    placed = [RowPlacement()] * rows
    placed[0] = RowPlacement(devices=["cuda:0", "cpu"], runs_on="cuda:0", crossing_bytes=0)
    placed[1] = RowPlacement(devices=["cuda:0"], runs_on="cuda:0", crossing_bytes=0)
    placed[-1] = RowPlacement(devices=["cpu"], runs_on="cuda:0", crossing_bytes=4704, crossing_from=["cuda:1"])
    return PlacementPlan(
        devices=[
            PlannedDevice(name="cuda:0", exists=False, budget=8192, bytes=1824),
            PlannedDevice(name="cpu", exists=True, budget=1 << 30, bytes=47080),
        ],
        device_map={"conv1": "cuda:0", "fc": "cpu"}, main_device="cuda:0", rows=placed, crossing_bytes=4704,
        loading_bytes=47080, kept_whole=[KeptWhole(type="Block", why="joins what its modules put out")],
    )  # fmt: skip


def explanation(key: str) -> KeyExplanation:
    parts = key.split(".")
    return KeyExplanation(
        key=key,
        expression=f"model.{key}",
        parts=[
            *(
                KeyPart(text=one, kind="attribute", module_type="LeNet", explanation=f"attribute {one}")
                for one in parts[:-1]
            ),
            KeyPart(text=parts[-1], kind="parameter", module_type=None, explanation="trained by gradient descent"),
        ],
    )


def preview(edit: Edit) -> InitPreview:
    target = InitTarget(
        key="conv1.weight", shape=[6, 3, 5, 5], dtype="float32", fan_in=75, fan_out=150, effective_fan_in=75.0,
        effective_fan_out=150.0, gain=2**0.5, explanation="bound = gain·√(3/fan_in) = 1.414·√(3/75) = 0.2828",
        tied_to=[], before=STATISTICS, after=msgspec.structs.replace(STATISTICS, mean=0.5), forward=1.41, backward=2.0,
    )  # fmt: skip
    return InitPreview(
        where=edit.where, initialiser=edit.argument, seed=edit.seed, targets=[target],
        skipped=[("conv1.bias", "fewer than two axes: kaiming_uniform needs fans")],
    )  # fmt: skip


def measured_preview(edit: Edit) -> InitPreview:
    found = preview(edit)
    scales = {
        "scale_before": LayerScale(output_std=0.3, gradient_std=0.01, forward=0.58, backward=0.8),
        "scale_after": LayerScale(output_std=0.7, gradient_std=0.02, forward=1.4, backward=1.9),
    }
    targets = [msgspec.structs.replace(target, **scales) for target in found.targets]
    return msgspec.structs.replace(found, targets=targets, measured="measured on a batch of 32, seed 0")
