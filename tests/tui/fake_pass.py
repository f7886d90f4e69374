"""A pass of the hand-made LeNet that waits: before the model, after conv1, after fc, or where it failed."""

from typing import Any

from inspector.core.results import OutputPreview, Statistics
from inspector.core.stops import Evaluation, StepReport, Stop, StopFrame, StopRow, StopValue
from inspector.core.table import Failure, Source
from inspector.worker import protocol

FILE = "lenet.py"
CODE = """\
def forward(self, x):
    x = F.max_pool2d(F.relu(self.conv1(x)), 2)
    x = x.view(x.size(0), -1)
    return self.fc(x)
"""
FIRST_LINE = 10


def value(name: str, shape: list[int], **counts: Any) -> StopValue:
    numbers = Statistics(mean=0.125, std=0.5, min=-1.5, max=2.5, zeros=0.0, **counts)
    return StopValue(name=name, type="Tensor", shape=shape, dtype="float32", device="cpu", statistics=numbers)


def frame(line: int, carried_out: str, function: str = "forward", path: str = "") -> StopFrame:
    text = CODE.splitlines()[line - FIRST_LINE]
    columns = [text.index(carried_out), text.index(carried_out) + len(carried_out)] if carried_out else None
    return StopFrame(
        function=function, path=path, source=Source(file=FILE, line=line, text=text.strip()), columns=columns,
        first_line=FIRST_LINE, code=CODE,
        locals=[StopValue(name="self", type="LeNet", text="LeNet(…)"), value("x", [1, 3, 32, 32])],
    )  # fmt: skip


def stop(number: int, path: str, type_: str, index: int | None, **facts: Any) -> Stop:
    row = StopRow(path=path, place=path, type=type_, call=0, is_function=False, index=index)
    return Stop(**{"number": number, "row": row, "moment": "after", "why": "step", "depth": 1, **facts})


FAILURE = Failure(path="fc", type="RuntimeError", message="1x1176 and 400x10 [bold]do not fit[/]", source=None)
STOPS = [
    stop(1, "", "LeNet", 0, moment="before", why="start", depth=0, arguments=[value("args[0]", [1, 3, 32, 32])]),
    stop(
        2, "conv1", "Conv2d", 1, outputs=[value("output", [1, 6, 28, 28], nan=3)],
        arguments=[value("x", [1, 3, 32, 32])],
        frames=[frame(11, "self.conv1(x)"), frame(13, "", "run", "outer.[red]")],
    ),
    stop(3, "fc", "Linear", 5, outputs=[value("output", [1, 10])], frames=[frame(13, "self.fc(x)")]),
]  # fmt: skip
FAILED = stop(1, "fc", "Linear", 5, moment="before", why="failure", failure=FAILURE, frames=[frame(13, "self.fc(x)")])


class FakePass:
    """Answers what is asked of a pass; into, over, row and out all go to the next of its stops."""

    def __init__(self) -> None:
        self.stops = list(STOPS)
        self.at: int | None = None
        """None while no pass waits."""

    def answer(self, request: Any) -> StepReport:
        match request:
            case protocol.StartStepping(settings=settings):
                self.at = 0
                if settings.command == "continue" and not settings.breakpoints:
                    return self._end("finished")
            case protocol.Step(command="end"):
                return self._end("left")
            case protocol.Step(command=command):
                assert self.at is not None
                self.at += 1
                if command == "continue" or self.at == len(self.stops):
                    return self._end("finished")
            case protocol.ChangeAtStop(change=change):
                return self._report([change])
        return self._report([])

    def evaluate(self, request: protocol.Evaluate) -> Evaluation:
        found = value(request.expression, [2, 2])
        return Evaluation(expression=request.expression, frame=request.frame, values=[found], text="tensor([[7.]])")

    def _report(self, changes: list[str]) -> StepReport:
        from msgspec.structs import replace

        assert self.at is not None
        there = replace(self.stops[self.at], changes=changes)
        return StepReport(state="stopped", stop=there, failure=there.failure)

    def _end(self, state: Any) -> StepReport:
        self.at = None
        preview = OutputPreview(name="", shape=[1, 10], dtype="float32", text="tensor([[0.1, -0.2]])")
        return StepReport(state=state, outputs=[preview] if state == "finished" else [])
