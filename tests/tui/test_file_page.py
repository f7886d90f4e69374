"""What a file's parts take, as the root's panel draws it."""

import pytest
import torch
from screen_text import session

from inspector.files import open_catalog, table_of

pytestmark = pytest.mark.slow


async def test_the_root_of_a_file_shows_its_parts_as_bars(tmp_path):
    model = torch.nn.Linear(64, 64)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c.pt")
    async with session(table_of(open_catalog(tmp_path / "c.pt"), "c.pt"), size=(160, 45)) as ui:
        text = ui.text
        assert "66.7 % of this file is Adam state" in text
        (optimizers,) = [line for line in text.splitlines() if "Adam state, in optimizer" in line]
        (weights,) = [line for line in text.splitlines() if "model weights, in model" in line]
        assert optimizers.count("█") // 2 == weights.count("█") > 0
        assert "dtypes" not in text


async def test_dtypes_and_devices_are_drawn_where_there_are_several(tmp_path):
    state = {"a": torch.ones(256), "b": torch.ones(256, dtype=torch.bfloat16), "c": torch.ones(8, device="meta")}
    torch.save(state, tmp_path / "w.pt")
    async with session(table_of(open_catalog(tmp_path / "w.pt"), "w.pt"), size=(160, 45)) as ui:
        assert "float32, bfloat16" in ui.text
        assert "cpu, meta" in ui.text
        assert "of this file is" not in ui.text
