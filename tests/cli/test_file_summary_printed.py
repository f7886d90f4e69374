"""What `summary` prints of a file of tensors: keys, shapes, dtypes, bytes, ties and files."""

import json
import pickle
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from click.testing import CliRunner
from safetensors.torch import save_file

from inspector.cli.main import main
from inspector.core.errors import RequestError


@pytest.fixture(autouse=True)
def wide(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def summary(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["summary", *arguments], catch_exceptions=False, obj=[])
    assert not done.exit_code, done.output
    return done.stdout


def line_of(printed: str, name: str) -> list[str]:
    return next(line.split() for line in printed.splitlines() if line.split()[:1] == [name])


def sharded(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    weight_map = {}
    for number, (key, tensor) in enumerate(tensors.items(), 1):
        weight_map[key] = f"model-{number:05}-of-{len(tensors):05}.safetensors"
        save_file({key: tensor}, folder / weight_map[key])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_every_tensor_has_a_line_below_its_row(tmp_path) -> None:
    weight = torch.zeros(10, 4)
    torch.save({"embed.weight": weight, "head.weight": weight, "head.bias": torch.zeros(10)}, tmp_path / "c.pt")
    printed = summary(str(tmp_path / "c.pt"))
    assert line_of(printed, "weight") == ["weight", "float32", "=", "head.weight", "10×4", "160", "B"]
    assert line_of(printed, "bias") == ["bias", "float32", "10", "40", "B"]
    assert "device" not in printed


def test_a_lone_tensor_and_a_list_have_shapes_and_readable_types(tmp_path) -> None:
    torch.save(torch.zeros(5, 6), tmp_path / "single.pt")
    printed = summary(str(tmp_path / "single.pt"))
    assert line_of(printed, "model") == ["model", "tensor", "30", "120", "B"]
    assert line_of(printed, "(itself)") == ["(itself)", "float32", "5×6", "120", "B"]
    torch.save([torch.zeros(2, dtype=torch.float16)], tmp_path / "list.pt")
    printed = summary(str(tmp_path / "list.pt"))
    assert line_of(printed, "model")[1] == "list"
    assert line_of(printed, "0") == ["0", "float16", "2", "4", "B"]


def test_a_huge_file_lists_its_tensors_only_in_full(tmp_path) -> None:
    torch.save({f"part{number}x.w": torch.zeros(number) for number in range(500)}, tmp_path / "c.pt")
    printed = summary(str(tmp_path / "c.pt"))
    assert "500 tensors not listed; --full lists all" in printed
    assert " w " not in printed
    full = summary(str(tmp_path / "c.pt"), "--full")
    assert sum(line.split()[:1] == ["w"] for line in full.splitlines()) == 500


def test_a_shard_is_named_with_each_of_its_tensors(tmp_path) -> None:
    sharded(tmp_path, {"a.w": torch.zeros(2), "b.v": torch.zeros(3)})
    assert line_of(summary(str(tmp_path)), "v")[-1] == "model-00002-of-00002.safetensors"
    tensors = json.loads(summary(str(tmp_path), "--json"))["tensors"]
    assert [tensor["files"] for tensor in tensors] == [
        ["model-00001-of-00002.safetensors"],
        ["model-00002-of-00002.safetensors"],
    ]


def test_the_piece_of_a_distributed_checkpoint_is_named_with_its_file(tmp_path) -> None:
    dcp.save({"w": torch.zeros(4, 3)}, checkpoint_id=tmp_path / "dcp", no_dist=True)
    assert line_of(summary(str(tmp_path / "dcp")), "w")[-1] == "__0_0.distcp"
    (tensor,) = json.loads(summary(str(tmp_path / "dcp"), "--json"))["tensors"]
    assert tensor["files"] == ["__0_0.distcp"]
    assert tensor["pieces"] == [{"file": "__0_0.distcp", "at": [0, 0], "shape": [4, 3]}]


def test_files_outside_are_read_where_that_is_allowed(tmp_path) -> None:
    save_file({"w": torch.zeros(2)}, tmp_path / "w.safetensors")
    (tmp_path / "inside").mkdir()
    index = tmp_path / "inside" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "../w.safetensors"}}))
    assert not json.loads(summary(str(index), "--json"))["tensors"]
    (tensor,) = json.loads(summary(str(index), "--json", "--allow-outside"))["tensors"]
    assert tensor["shape"] == [2]


def test_a_state_dict_says_nothing_of_what_is_trainable_and_a_pickled_model_does(tmp_path) -> None:
    model = torch.nn.Linear(2, 2)
    torch.save(model.state_dict(), tmp_path / "state.pt")
    assert "trainable" not in summary(str(tmp_path / "state.pt"))
    model.bias.requires_grad_(False)
    torch.save(model, tmp_path / "model.pt")
    assert "6 parameters (4 trainable, 24 B)" in summary(str(tmp_path / "model.pt"))


def test_the_state_of_an_optimizer_is_no_parameter(tmp_path) -> None:
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c.pt")
    document = json.loads(summary(str(tmp_path / "c.pt"), "--json"))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert document["totals"]["parameters"] == document["rows"][0]["parameters"] == parameters
    assert document["totals"]["buffers"] == 0
    state = sum(value.nbytes for one in optimizer.state.values() for value in one.values())
    assert document["totals"]["state_bytes"] == document["rows"][0]["state_bytes"] == state


def test_an_average_that_shares_the_weights_memory_is_no_part(tmp_path) -> None:
    state = torch.nn.Linear(8, 8).state_dict()
    torch.save({"model": state, "ema": {"shadow_params": list(state.values())}}, tmp_path / "c.pt")
    assert [part["name"] for part in json.loads(summary(str(tmp_path / "c.pt"), "--json"))["file"]["parts"]] == [
        "model weights"
    ]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_that_weights_only_cannot_read_is_said_to_be_one(protocol, tmp_path) -> None:
    path = tmp_path / "c.pt"
    torch.save({"w": torch.zeros(2)}, path, pickle_protocol=protocol)
    try:
        torch.load(path, weights_only=True)
        refused = False
    except pickle.UnpicklingError:
        refused = True
    assert ("refuses this file: its pickle has protocol" in summary(str(path))) == refused


@pytest.mark.parametrize("option", ["--args=width=3", "--input=1x3"])
def test_what_can_do_nothing_for_a_file_is_refused(option, tmp_path) -> None:
    torch.save({"w": torch.zeros(2)}, tmp_path / "c.pt")
    with pytest.raises(RequestError, match=r"--args are for|--input can be"):
        summary(str(tmp_path / "c.pt"), option)


def test_shapes_of_a_pickled_sequential_are_printed_for_a_given_input(tmp_path) -> None:
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.Flatten()), tmp_path / "m.pt")
    printed = summary(str(tmp_path / "m.pt"), "--input", "2x3x9x9")
    assert "input input 2×3×9×9" in printed
    assert "2×8×4×4" in printed
    assert "2×128" in printed
