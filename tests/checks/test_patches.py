"""Patches that findings bring apply as they stand, and mend what was found."""

import shutil
import subprocess
from pathlib import Path

import pytest
from test_corpus import CORPUS, checked

from inspector.core.findings import Finding

MOST = 4
PATCHED = [
    "NN201_lstm_last_step", "NN201_gru_tagger", "NN201_encoder_layer", "NN201_mha",
    "NN203_channels_as_steps",
    "NN501_implicit_dim",
    "NN601_dropout_in_eval",
    "NN602_conv_before_batch_norm", "NN602_linear_before_batch_norm", "NN602_transposed_before_instance_norm",
    "NN801_plain_tensor", "NN801_arange_in_forward", "NN801_hidden_state_on_cpu", "NN801_mask_on_cpu",
]  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.mark.parametrize("name", PATCHED)
def test_a_patched_file_is_not_found_again(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rule, file = name.partition("_")[0], tmp_path / "net.py"
    shutil.copy(CORPUS / f"{name}_faulty.py", file)
    applied = 0
    while applied < MOST and (patch := next((one.patch for one in found(rule, file) if one.patch), "")):
        subprocess.run(["patch", "-p0", "--quiet"], input=patch, text=True, check=True, cwd=tmp_path)
        applied += 1
    assert 0 < applied < MOST
    assert [one for one in found(rule, file) if one.severity != "info"] == []


def found(rule: str, file: Path) -> list[Finding]:
    """What one rule finds."""
    return [finding for finding in checked(file).findings if finding.rule == rule]
