"""Which axis a softmax without one should be given: that of the classes, by what puts them out."""

import pytest
import torch
from torch import nn

from inspector.checks.running import check_model
from inspector.core.findings import CheckSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.opening import open_live

NETS = {
    "Conv1d(4, 6, 3)": ([1, 4, 30], 1),
    "Linear(4, 6)": ([2, 7, 4], -1),
}


@pytest.mark.parametrize("layer", NETS)
def test_a_softmax_is_given_the_axis_that_the_layer_before_it_made(layer, tmp_path):
    sizes, axis = NETS[layer]
    path = tmp_path / "net.py"
    path.write_text(f"from torch import nn\n\nmodel = nn.Sequential(nn.{layer}, nn.Softmax())\n")
    live = open_live(Recipe(target=str(path), inputs=[InputSpec(shape=sizes)]))
    report = check_model(live, CheckSettings(select=["NN501"]), lambda *_: None)
    [found] = [one for one in report.findings if "not told along which axis" in one.message]
    assert found.fix.endswith(f"dim={axis}")
    # The axis as long as the layer has outputs.
    output = eval(f"nn.{layer}", {"nn": nn})(torch.zeros(sizes))
    assert output.shape[axis] == 6
