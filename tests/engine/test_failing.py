"""Passes that fail: which module, line and operands it was, whatever was raised."""

import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec


@pytest.mark.slow
def test_a_failed_forward_keeps_the_rows_and_tells_operands():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 5)
            self.b = nn.Linear(6, 2)

        def forward(self, x):
            hidden = self.a(x)
            return self.b(hidden)

    table = live(Net()).trace([InputSpec(shape=[3, 4])], silent)
    failure = table.failure
    assert failure.path == "b"
    assert failure.source.text == "return self.b(hidden)"
    assert failure.input_shapes == [[3, 5]]
    assert ("hidden", [3, 5]) in [(operand.text, operand.shape) for operand in failure.operands]
    assert "6 features" in failure.explanation
    reached = {row.path: row.reached for row in table.rows}
    assert reached["a"]
    assert not reached["b"]


@pytest.mark.parametrize("width", [8, 4000])
@pytest.mark.parametrize("layer", [nn.Linear, lambda width, _: nn.Conv1d(3, 2, 3)])
def test_an_input_of_another_dtype_fails_as_torch_does(layer, width):
    module = layer(width, 4).half()
    with pytest.raises((RuntimeError, ValueError)) as expected:
        module(torch.zeros(500, 3, width))
    failure = live(module).trace([InputSpec(shape=[500, 3, width])], silent).failure
    assert failure.message == str(expected.value).splitlines()[0]
    assert {operand.dtype for operand in failure.operands} == {"float16", "float32"}
    assert "float16 and float32" in failure.explanation


@pytest.mark.slow
def test_a_failing_call_tells_its_own_operands_only():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 5)
            self.second = nn.Linear(5, 6)

        def forward(self, x):
            return self.second(self.first(x)) @ x.new_ones(7, 3)

    on_meta = Net()
    on_meta.unused = nn.Linear(4000, 4000)
    for module in (Net(), on_meta):
        failure = live(module).trace([InputSpec(shape=[2000, 4])], silent).failure
        assert [operand.shape for operand in failure.operands] == [[2000, 6], [7, 3]]


class Leaving(BaseException):
    """Not an Exception, as some libraries' own ways out are not."""


@pytest.mark.parametrize("work", ["trace", "forward"])
def test_whatever_a_forward_raises_is_its_failure(work):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            raise Leaving(self.fc(x).shape)

    given = [InputSpec(shape=[1, 4])]
    model = live(Odd())
    table = (
        model.trace(given, silent) if work == "trace" else model.forward(ForwardSettings(inputs=given), silent).table
    )
    assert table.failure.type == "Leaving"
    assert [row.output_shapes for row in table.rows if row.path == "fc"] == [[[1, 4]]]


class SilentError(Exception):
    """Cannot even say what is wrong."""

    def __str__(self):
        raise RuntimeError("no text")


def test_an_exception_that_cannot_be_printed_is_a_failure_like_others():
    class Net(nn.Module):
        def forward(self, x):
            raise SilentError

    model = live(Net())
    assert model.forward(ForwardSettings(inputs=[InputSpec(shape=[1, 4])]), silent).table.failure.type == "SilentError"
    assert model.trace([InputSpec(shape=[1, 4])], silent).failure.type == "SilentError"


@pytest.mark.parametrize(
    "module", [nn.ModuleList([nn.Linear(2, 2)]), nn.ModuleDict({"w": nn.Linear(2, 2)}), nn.Module()]
)
def test_a_model_without_forward_is_shown_and_not_run(module):
    with pytest.raises(NotImplementedError):
        module(torch.ones(2))
    table = live(module).trace([], silent)
    assert "no-forward" in [note.code for note in table.notes]
    assert table.failure is None
    assert not any(row.reached for row in table.rows)
    with pytest.raises(RequestError, match="defines no forward"):
        live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[2])]), silent)
