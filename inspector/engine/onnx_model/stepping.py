"""Stepping through an ONNX graph: node by node along one run.

A runtime runs a graph in one piece, where nothing can wait. So the graph is run once with every node's output kept, and
the steps go along what it left, until the node that it could not carry out. A change of a value is another run, where
that is an input in the place of what its node makes.
"""

import msgspec
import torch

from inspector.core.breakpoints import Breakpoint, parse_breakpoint
from inspector.core.errors import RequestError
from inspector.core.output_changes import OutputChange, parse_change, parse_row_change
from inspector.core.recipe import InputSpec
from inspector.core.row_patterns import refuse_unknown
from inspector.core.stop_wording import row_name
from inspector.core.stops import (
    Evaluation,
    Reason,
    StepCommand,
    StepReport,
    StepSettings,
    StepState,
    Stop,
    StopRow,
    StopValue,
)
from inspector.core.table import Failure, ModelTable, Row
from inspector.core.wording import shortened
from inspector.engine.changing import changed_tensors
from inspector.engine.live import Progress
from inspector.engine.measured import MeasuredTensor
from inspector.engine.onnx_model.body_pass import declared_value
from inspector.engine.onnx_model.confirming import values_of_run
from inspector.engine.onnx_model.failing import failure_of
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described, measurable, text_of
from inspector.engine.onnx_model.layout import node_rows
from inspector.engine.onnx_model.measuring import output_previews
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.onnx_model.running import run
from inspector.engine.onnx_model.runs import Run
from inspector.engine.stepping import Stepping


class GraphStepping(Stepping):
    """One run of a graph, gone along from node to node."""

    def __init__(
        self, graph: Graph, table: ModelTable, specs: list[InputSpec], settings: StepSettings, device: str
    ) -> None:
        """Raises RequestError where a breakpoint or a change does not read or names no row."""
        self._graph = graph
        self._rows = [table.rows[at] for at in node_rows(graph)]
        self._root = table.rows[0]
        self._constant = {tensor.key: tensor for tensor in table.tensors}
        """Weights, whose values need no pass."""
        self._paths = [row.path for row in table.rows]
        self._breakpoints = self._read(settings.breakpoints)
        self._planned = [parse_row_change(text) for text in settings.changes]
        for planned in self._planned:
            refuse_unknown(planned.at.rows, self._paths)
        self._command = settings.command
        self._specs, self._settings, self._device = specs, settings, device
        self._other: Run | None = None
        self._feeds = draw(graph, specs, settings.seed)
        self._changed: dict[str, Held] = {}
        """Values that are not what their nodes made of them."""
        self._changes: list[str] = []
        self._failure: Failure | None = None
        self._run = self._ran()
        self._at = -1
        """The position of the node after which it waits; that of the failing one where it fails there."""
        self._stops = 0
        self._stop: Stop | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the end was reached, or it was left."""
        return self._is_over

    @property
    def where(self) -> str:
        """The node."""
        return f"after {self._stop.row.path} ({self._stop.row.type})" if self._stop is not None else ""

    def start(self) -> StepReport:
        """Go to the first stop."""
        return self._go()

    def go(self, command: StepCommand, breakpoints: list[str] | None, progress: Progress) -> StepReport:
        """Go to the next stop or the end."""
        if breakpoints is not None:
            self._breakpoints = self._read(breakpoints)
        self._command = command
        return self._go()

    def look(self) -> StepReport:
        """The stop."""
        return StepReport(state="stopped", stop=self._stop, failure=self._failed_here(), changes=self._changes)

    def evaluate(self, expression: str, frame: int) -> Evaluation:
        """Not in a graph."""
        raise RequestError("an ONNX graph has no Python variables to evaluate an expression with")

    def change(self, text: str) -> StepReport:
        """Change what the node put out, and run what follows on it."""
        if self._stop is None or self._failed_here() is not None or self._at < 0:
            raise RequestError("here nothing was put out that could be changed; go on to a node first")
        self._make(self._at, parse_change(text))
        node = self._graph.nodes[self._at].proto
        changes = [*self._stop.changes, text.strip()]
        self._stop = msgspec.structs.replace(self._stop, outputs=self._described(list(node.output)), changes=changes)
        return self.look()

    def _ran(self) -> Run:
        """A run with the values that were changed."""
        graph, feeds = self._graph, {**self._feeds, **self._changed}
        if self._changed:
            graph = graph.fed([declared_value(name, described(value)) for name, value in self._changed.items()])
        done = run(graph, feeds, provider_of(self._device), self._settings.seed)
        self._failure = None
        if done.refusal is not None:
            known = values_of_run(self._graph, feeds, done.values)
            self._failure = failure_of(self._graph, done.refusal, known, self._device)
        return done

    def _make(self, position: int, change: OutputChange) -> None:
        """Raises RequestError where the change does not fit."""
        if change.kind == "expression":
            raise RequestError(_NO_EXPRESSIONS)
        made = [name for name in self._graph.nodes[position].proto.output if name]
        names = [name for name in made if isinstance(self._value(name), torch.Tensor)]
        tensors = [value for name in names if isinstance(value := self._value(name), torch.Tensor)]
        changed = changed_tensors(tensors, change, lambda: self._others(names))
        pairs = zip(names, tensors, changed, strict=True)
        before = self._changed
        self._changed = before | {name: new for name, old, new in pairs if new is not old}
        try:
            self._run = self._ran()
        except RequestError:
            self._changed = before
            raise
        self._changes.append(f"{row_name(self._stop_row(self._rows[position]))}: {change.text}")

    def _others(self, names: list[str]) -> list[torch.Tensor]:
        """The same values in the other run."""
        if self._settings.other is None:
            raise RequestError("there is no other run; begin again with --other or --other-input")
        if self._other is None:
            feeds = draw(self._graph, self._settings.other.inputs or self._specs, self._settings.other.seed)
            self._other = run(self._graph, feeds, provider_of(self._device), self._settings.other.seed)
        values = (self._other.values.get(name) for name in names)
        return [value for value in values if isinstance(value, torch.Tensor)]

    def _go(self) -> StepReport:
        if self._command == "end":
            return self._over("left")
        if self._failed_here() is not None:
            return self._over("failed")
        position = self._at
        while (position := position + 1) < self._run.reached:
            for planned in self._planned:
                if self._is_at(planned.at, position):
                    self._make(position, planned.change)
            point = next((one for one in self._breakpoints if self._is_at(one, position)), None)
            wanted = self._is_wanted(position)
            if point is not None or wanted:
                changes = [planned.change.text for planned in self._planned if self._is_at(planned.at, position)]
                why: Reason = "step" if wanted else "breakpoint"
                return self._stopped(position, why, point.text if point else "", changes)
        if self._failure is None:
            return self._over("finished")
        return self._stopped(self._run.refusal.culprit if self._run.refusal is not None else None, "failure", "", [])

    def _failed_here(self) -> Failure | None:
        return self._failure if self._stop is not None and self._stop.failure is not None else None

    def _over(self, state: StepState) -> StepReport:
        values = {**self._run.values, **self._changed}
        outputs = output_previews(self._graph, values) if state == "finished" else []
        self._is_over, self._stop = True, None
        failure = self._failure if state == "failed" else None
        return StepReport(state=state, outputs=outputs, failure=failure, changes=self._changes)

    def _is_wanted(self, position: int) -> bool:
        if self._command in ("into", "row") or (self._command == "over" and self._at < 0):
            return True
        if self._at < 0:
            return False
        depth, here = self._rows[position].depth, self._rows[self._at].depth
        return depth <= here if self._command == "over" else self._command == "out" and depth < here

    def _is_at(self, point: Breakpoint, position: int) -> bool:
        row, node = self._rows[position], self._graph.nodes[position]
        if not point.rows.matches([row.path], row.type, False, row.call):
            return False
        if point.condition is None:
            return True
        names = node.proto.input if point.moment == "before" else node.proto.output
        tensors = (measurable(self._value(name)) for name in names if name)
        return any(point.condition.holds(MeasuredTensor(tensor)) for tensor in tensors if tensor is not None)

    def _value(self, name: str) -> Held:
        if name in self._changed:
            return self._changed[name]
        return self._feeds[name] if name in self._feeds else self._run.values.get(name)

    def _stopped(self, position: int | None, why: Reason, breakpoint: str, changes: list[str]) -> StepReport:
        """Wait after a node; None: where the graph fails as a whole, and no node is named."""
        self._stops += 1
        row, given, made = self._root, list[str](), list[str]()
        if position is not None:
            self._at = position
            node = self._graph.nodes[position].proto
            row, given, made = self._rows[position], list(node.input), list(node.output)
        failed = why == "failure"
        self._stop = Stop(
            number=self._stops,
            row=self._stop_row(row),
            moment="after",
            why=why,
            breakpoint=breakpoint,
            depth=row.depth,
            arguments=self._described(given),
            outputs=[] if failed else self._described(made),
            changes=changes,
            failure=self._failure if failed else None,
        )
        return self.look()

    @staticmethod
    def _stop_row(row: Row) -> StopRow:
        return StopRow(path=row.path, place=row.path, type=row.type, call=row.call, is_function=False, index=row.index)

    def _described(self, names: list[str]) -> list[StopValue]:
        return [self._record(name) for name in names if name]

    def _record(self, name: str) -> StopValue:
        if name in self._constant:
            tensor = self._constant[name]
            return StopValue(name=name, type=tensor.kind, shape=tensor.shape, dtype=tensor.dtype, device=tensor.device)
        value = self._value(name)
        tensor_of_numbers, known = measurable(value), described(value)
        if tensor_of_numbers is None:
            text = shortened(" ".join(text_of(value).split())) if value is not None else "no value"
            return StopValue(name=name, type=known.dtype or "unknown", text=text)
        return StopValue(
            name=name,
            type="tensor",
            shape=known.shape,
            dtype=known.dtype,
            device="cpu",
            statistics=MeasuredTensor(tensor_of_numbers).statistics,
        )

    def _read(self, texts: list[str]) -> list[Breakpoint]:
        points = [parse_breakpoint(text) for text in texts]
        for point in points:
            refuse_unknown(point.rows, self._paths)
        return points


_NO_EXPRESSIONS = (
    "an ONNX graph has no Python variables to evaluate an expression with; zero, scale, clamp, noise, elements, files "
    "and other runs change its values"
)
