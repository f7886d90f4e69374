"""Shapes, dtypes and receptive fields of a pass without values, and when it takes one with values."""

import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.recipe import InputSpec


class Spectral(nn.Module):
    """Its first parameter is complex, its input real."""

    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.ones(3, 16, 9, dtype=torch.complex64))
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(torch.fft.irfft2(torch.fft.rfft2(x) * self.filter, s=x.shape[-2:]))


@pytest.mark.parametrize(
    ("module", "dtype"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).half(), torch.float16),
        (nn.Linear(8, 8).bfloat16(), torch.bfloat16),
        (nn.Conv1d(2, 4, 3).double(), torch.float64),
        (nn.Linear(8, 8, dtype=torch.complex64), torch.complex64),
        (Spectral(), torch.float32),
        (nn.Embedding(7, 3).half(), torch.int64),
    ],
)
def test_an_inferred_input_has_the_dtype_that_the_model_runs_on(module, dtype):
    table = live(module).trace([], silent)
    assert table.failure is None
    assert table.inputs[0].dtype == str(dtype).removeprefix("torch.")
    assert table.outputs[0].shape == list(module(torch.zeros(table.inputs[0].shape, dtype=dtype)).shape)


def test_control_flow_on_values_is_run_for_real_and_said():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = nn.Linear(4000, 4000)

        def forward(self, x):
            return self.wide(x) if x.sum().item() > -1e9 else x

    table = live(Net()).trace([InputSpec(shape=[200, 4000])], silent)
    assert table.failure is None
    assert table.outputs[0].shape == [200, 4000]
    assert "real-pass" in [note.code for note in table.notes]


def test_under_autocast_the_dtypes_are_those_of_the_device():
    class Casting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2000, 2000)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return torch.relu(self.layer(x))

    module = Casting()
    table = live(module).trace([InputSpec(shape=[200, 2000])], silent)
    assert table.outputs[0].dtype == str(module(torch.zeros(200, 2000)).dtype).removeprefix("torch.")
    assert "real-pass" in [note.code for note in table.notes]


class Padding(nn.Module):
    """Goes through a nested tensor, which has no shape."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(torch.nested.nested_tensor([x[:2], x[:1]])).to_padded_tensor(0.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_nested_tensor_has_no_shape_to_show_and_does_not_end_the_pass():
    table = live(Padding()).trace([InputSpec(shape=[4, 8])], silent)
    assert table.failure is None
    assert table.outputs[0].shape == [2, 2, 4]
    assert next(row for row in table.rows if row.path == "layer").output_shapes == []


def test_padding_before_the_first_window_is_told_along_its_axis():
    module = nn.Sequential(nn.ReflectionPad1d((4, 1)), nn.Conv1d(3, 2, 3))
    table = live(module).trace([InputSpec(shape=[1, 3, 20])], silent)
    # A pixel is 4 to the right of where it is in the input, and 18 once more at the end, 6 to the right.
    assert {row.path: row.receptive_field.start for row in table.rows} == {"": [-4], "0": [-6], "1": [-4]}


def test_a_model_without_code_of_the_users_has_no_lines_of_whoever_asks_for_the_pass():
    table = live(nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU()))).trace([InputSpec(shape=[1, 3])], silent)
    assert [row.source for row in table.rows] == [None] * 4
