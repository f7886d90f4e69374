"""Exported programs against ``torch.export.load``, and the layout of 2.8 and before, made here."""

import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from inspector.files import open_catalog, table_of


class Everything(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.tied = self.conv.weight
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("part", torch.arange(6.0)[2:4])
        self.register_buffer("short", torch.ones(2, dtype=torch.bfloat16))
        self.register_buffer("apart", torch.ones(2), persistent=False)
        self.turned = nn.Parameter(torch.ones(2, 5).t())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)) + self.part[0] + self.short[0] + self.apart[0] + self.turned[0, 0]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "m.pt2"
    exported = torch.export.export(Everything().eval(), (torch.ones(1, 3, 8, 8),))
    torch.export.save(exported, path)
    return path


def test_weights_and_constants_are_those_of_the_program(program: Path) -> None:
    catalog = open_catalog(program)
    loaded = torch.export.load(program)
    assert catalog.format == "torch-export"
    truth = {**loaded.state_dict, **{f"constants.{key}": value for key, value in loaded.constants.items()}}
    assert {t.key: (t.shape, t.dtype, t.strides) for t in catalog.tensors} == {
        key: (list(t.shape), str(t.dtype)[6:], list(t.stride())) for key, t in truth.items()
    }
    assert catalog.notes == []
    found = {t.key: t for t in catalog.tensors}
    assert found["tied"].storage == found["conv.weight"].storage
    assert {t.key for t in catalog.tensors if t.family == "parameter"} == set(
        dict(Everything().named_parameters(remove_duplicate=False))
    )
    table = table_of(catalog, "m.pt2")
    assert table.totals.parameters == sum(p.numel() for p in Everything().parameters())


def test_values_lie_where_the_catalog_says(program: Path) -> None:
    catalog = open_catalog(program)
    state = torch.export.load(program).state_dict
    with zipfile.ZipFile(program) as archive:
        for tensor in catalog.tensors:
            if tensor.key in state and tensor.elements:
                expected = state[tensor.key]
                raw = bytearray(archive.read(tensor.record or "")[tensor.start :])
                base = torch.frombuffer(raw, dtype=expected.dtype)
                assert torch.equal(base.as_strided(tensor.shape, tensor.strides, tensor.storage_offset), expected)


def test_programs_before_2_9_keep_archives_within_the_archive(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    constants = io.BytesIO()
    torch.save({"k": torch.ones(4)}, constants)
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", buffer.getvalue())
        archive.writestr("serialized_constants.pt", constants.getvalue())
        archive.writestr("version", "8.8")
    catalog = open_catalog(tmp_path / "old.pt2")
    truth = model.state_dict()
    assert [t.key for t in catalog.tensors] == [*truth, "constants.k"]
    data = (tmp_path / "old.pt2").read_bytes()
    for tensor in catalog.tensors[:-1]:
        raw = bytearray(data[tensor.start : tensor.start + tensor.bytes])
        value = torch.frombuffer(raw, dtype=truth[tensor.key].dtype).reshape(tensor.shape)
        assert torch.equal(value, truth[tensor.key])
    assert "collections.OrderedDict" in {found.name for found in catalog.globals}


def test_a_weight_that_is_cut_short_is_noted(program: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(program) as whole, zipfile.ZipFile(tmp_path / "cut.pt2", "w") as cut:
        for name in whole.namelist():
            data = whole.read(name)
            cut.writestr(name, data[:-4] if name.endswith("/weight_0") else data)
    notes = open_catalog(tmp_path / "cut.pt2").notes
    assert [note.code for note in notes] == ["out-of-storage"]
    assert "conv.weight" in notes[0].message or "tied" in notes[0].message
