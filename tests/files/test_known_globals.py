"""What the names in pickles are said to be, against torch's own list and against payloads of attacks."""

import io
import subprocess
import sys
import zipfile
from argparse import Namespace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import COMMAND, HOSTILE, PICKLES, archive, called, saved, text
from torch import nn
from torch._weights_only_unpickler import _get_allowed_globals

from inspector.core.errors import RequestError
from inspector.core.named_globals import NamedGlobal, refused_first
from inspector.files import open_catalog, table_of
from inspector.files.call_text import MAX_LENGTH
from inspector.files.known_globals import described

APART = {"ext1", "ext2", "ext4", "broken after the call"}
"""Numbers of copyreg's registry, of which only the program knows what they stand for, and what cannot be read."""


def named(path: Path) -> dict[str, NamedGlobal]:
    return {found.name: found for found in open_catalog(path).globals}


def test_what_torch_takes_by_default_is_harmless() -> None:
    for path in _get_allowed_globals():
        module, _, name = path.rpartition(".")
        assert described(module, name).severity == "harmless", path


@pytest.mark.parametrize("name", sorted(PICKLES.keys() - APART))
def test_the_payload_of_every_attack_is_said_to_be_dangerous(name: str, tmp_path: Path) -> None:
    found = refused_first(open_catalog(HOSTILE[f"zip: {name}"](tmp_path)).globals)
    assert found[0].severity == "dangerous", found


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch.serialization", "os.system"), ("torch.nn.modules.linear", "torch.hub.load"), ("os", "path.os.system"),
        ("collections", "_sys.modules.os.system"), ("torch", "load"), ("torch.hub", "load"), ("pickle", "loads"),
        ("webbrowser", "open"), ("ctypes", "CDLL"), ("socket", "socket"), ("pty", "spawn"), ("nt", "system"),
        ("operator", "attrgetter"), ("builtins", "open"), ("shutil", "rmtree"),
    ],
)  # fmt: skip
def test_what_could_do_harm_is_named_wherever_it_is_reached_from(module: str, name: str) -> None:
    assert described(module, name).severity == "dangerous"


def test_only_the_classes_of_a_harmless_module_are_harmless() -> None:
    assert described("torch.nn.modules.linear", "Linear").severity == "harmless"
    assert described("torch.nn.modules.module", "register_module_forward_hook").severity == "unknown"
    assert described("torch.nn.modules.linear", "Linear.forward").severity == "unknown"


def test_what_is_in_no_table_is_unknown() -> None:
    assert described("my.package", "Net").what.startswith("unknown: code of the program")
    assert described("__main__", "Net").what == "a class or function of the program that saved it"


def test_calls_are_told_as_text_and_what_is_only_named_as_such(tmp_path: Path) -> None:
    body = text(COMMAND) + b"0" + PICKLES["getattr chain"] + b"0" + called(b"posix", b"system", COMMAND)
    body += b"0" + called(b"posix", b"system", b"y" * 10_000) + b"0cbuiltins\neval\n"
    found = named(archive(tmp_path / "w.pt", saved(body)))
    command = COMMAND.decode()
    assert found["posix.system"].calls[0] == f"posix.system('{command}')"
    assert all(len(call) <= MAX_LENGTH for call in found["posix.system"].calls)
    assert found["builtins.getattr"].calls == [
        "builtins.getattr(builtins.__import__('os'), 'system')",
        f"builtins.getattr(builtins.__import__('os'), 'system')('{command}')",
    ]
    assert (found["builtins.eval"].called, found["builtins.eval"].calls) == (0, [])


class Net(nn.Linear):
    """A class of the program."""


def test_what_is_in_common_checkpoints(tmp_path: Path) -> None:
    content = {
        "args": Namespace(lr=0.1), "path": tmp_path, "f": partial(max, 1), "loss": np.float64(3), "net": Net(1, 1),
        "layer": nn.ReLU(),
    }  # fmt: skip
    torch.save(content, tmp_path / "c.pt")
    kinds = {name: (one.kind, one.severity) for name, one in named(tmp_path / "c.pt").items() if not one.allowed}
    assert kinds["argparse.Namespace"] == ("options", "harmless")
    assert kinds[f"{type(tmp_path).__module__}.{type(tmp_path).__name__}"] == ("path", "harmless")
    assert kinds["functools.partial"] == ("function kept back", "unknown")
    assert kinds["numpy._core.multiarray.scalar"] == kinds["numpy.dtype"] == ("numpy", "harmless")
    assert kinds[f"{__name__}.Net"] == ("unknown", "unknown")
    assert kinds["torch.nn.modules.activation.ReLU"] == ("layer", "harmless")
    assert named(tmp_path / "c.pt")["argparse.Namespace"].calls == ["argparse.Namespace() with {'lr': 0.1}"]


@pytest.mark.parametrize("name", ["metadata: called among its fields", "an exported program with a pickle that calls"])
def test_also_in_metadata_and_in_archives_within(name: str, tmp_path: Path) -> None:
    found = named(HOSTILE[name](tmp_path))["posix.system"]
    assert (found.severity, found.what) == ("dangerous", "runs a shell command")
    assert found.calls[0] == f"posix.system('{COMMAND.decode()}')"


def test_shards_tell_of_all_their_pickles(tmp_path: Path) -> None:
    names = ["m-00001-of-00002.bin", "m-00002-of-00002.bin"]
    for at, name in enumerate(names):
        stream = io.BytesIO()
        torch.save({f"w{at}": torch.ones(1), "args": Namespace(at=at)}, stream)
        (tmp_path / name).write_bytes(stream.getvalue())
    found = named(tmp_path)["argparse.Namespace"]
    assert (found.called, found.calls) == (2, [f"argparse.Namespace() with {{'at': {at}}}" for at in range(2)])


def test_the_command_and_the_table_show_what_is_refused(tmp_path: Path) -> None:
    target = HOSTILE["zip: reduce"](tmp_path)
    done = subprocess.run([sys.executable, "-m", "inspector", "summary", target], capture_output=True, text=True)
    assert "posix.system" in done.stdout
    assert f"runs a shell command: posix.system('{COMMAND.decode()}')" in " ".join(done.stdout.split())
    file = table_of(open_catalog(target), "x").file
    assert file
    assert [one.name for one in file.global_details] == file.globals
    assert [one.name for one in file.global_details if not one.allowed] == file.unsafe_globals


def test_a_broken_pickle_says_what_it_would_have_run(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as target:
        target.writestr("w/data.pkl", b"\x80\x02" + called(b"posix", b"system", COMMAND) + b"\xff")
    with pytest.raises(RequestError, match=r"names posix\.system \(runs a shell command\)"):
        open_catalog(tmp_path / "w.pt")
