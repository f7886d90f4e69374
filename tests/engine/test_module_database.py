"""Every module of torch's own database: what runs bare runs in a pass, and its formula is what came out."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing._internal.common_modules import module_db

from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.calling import call_model
from inspector.engine.pytorch.field_calls import FieldTracker, formula_of
from inspector.engine.pytorch.layer_formulas import static_formula
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import meta_pass, real_pass
from inspector.engine.pytorch.stand_ins import NeedsValuesError
from inspector.engine.pytorch.structure import static_rows

pytestmark = pytest.mark.slow
WINDOWED = (
    nn.modules.conv._ConvNd, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._LPPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd, nn.modules.pooling._MaxUnpoolNd,
    nn.FractionalMaxPool2d, nn.FractionalMaxPool3d, nn.Linear, nn.Unfold, nn.Upsample,
)  # fmt: skip


class Whole(nn.Module):
    """The module below a root of its own, given its inputs as they are."""

    def __init__(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        super().__init__()
        self.module = module
        self.args, self.kwargs = args, kwargs

    def forward(self) -> Any:
        return self.module(*self.args, **self.kwargs)


def recorder(model: nn.Module) -> Recorder:
    return Recorder(model, FieldTracker, formula_of, device="cpu", costs=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("info", "training"),
    [(info, training) for info in module_db for training in ([False, True] if info.train_and_eval_differ else [False])],
    ids=lambda value: getattr(value, "name", "train" if value else "eval"),
)
def test_a_pass_over_every_module_of_the_database(info: Any, training: bool) -> None:
    inputs = info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=training)
    for sample in inputs:
        if sample.forward_input is None:
            continue
        module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).train(training)
        args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
        model = Whole(module, args, kwargs)
        try:
            with torch.no_grad():
                call_model(model, ([], {}))
        except Exception:
            continue  # what does not run bare need not run here
        for one_pass in (_real, _meta):
            watched = recorder(model)
            try:
                one_pass(model, watched)
            except NeedsValuesError:
                assert one_pass is _meta
                continue
            rows, calls = rows_with_calls(static_rows(model), watched.root)
            assert any(row.path == "module" and row.reached for row in rows)
            for row, call in zip(rows, calls, strict=True):
                if row.formula and call is not None:
                    sizes = [line.output for line in row.formula]
                    assert sizes == row.output_shapes[0][-len(sizes) :], f"{module} gave {row.output_shapes}"
                if call is not None and isinstance(call.module, WINDOWED):
                    assert row.formula, f"no formula: {module} on {row.input_shapes}"
                    alone = static_formula(call.module, row.input_shapes[0])
                    assert alone is not None
                    assert [line.output for line in alone] == [line.output for line in row.formula]


def _real(model: nn.Module, watched: Recorder) -> Any:
    return real_pass(model, ([], {}), watched, seed=0)


def _meta(model: nn.Module, watched: Recorder) -> Any:
    return meta_pass(model, ([], {}), watched, "cpu", seed=0)
