"""What tab completes: asked as the shells ask, in a fresh interpreter, and in bash itself."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch

from inspector.cli.bash_words import joined_at_colons
from inspector.cli.completing import classes_in
from inspector.cli.main import COMMANDS, main, run

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["torch", "torchvision", "onnx", "onnxruntime", "textual", "rich"]
CODE = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr))
from inspector.cli.main import run
sys.exit(run([]))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.py").write_text(
        "raise SystemExit('run')\nclass Encoder: pass\nclass Decoder:\n    class Inner: pass\n"
    )
    torch.save({"ema": torch.ones(2), "fc.weight": torch.ones(2), "fc.bias": torch.ones(1)}, tmp_path / "w.pt")
    return tmp_path


def completed(folder, *words):
    """What fish would offer for the last of `words`, as (type, value); nothing heavy may have been imported."""
    environment = os.environ | {
        "_NNINSPECT_COMPLETE": "fish_complete",
        "COMP_WORDS": shlex.join(words[:-1]),
        "COMP_CWORD": words[-1],
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, cwd=folder)
    assert json.loads(done.stderr.splitlines()[-1]) == [], "torch-free and textual-free"
    return [tuple(line.split("\t")[0].split(",", 1)) for line in done.stdout.splitlines() if line]


def test_commands_and_files_come_first(folder):
    offered = completed(folder, "nninspect", "")
    assert ("file", "") in offered
    assert {value for kind, value in offered if kind == "plain"} == set(COMMANDS)


def test_options_follow_a_target_without_a_command(folder):
    assert ("plain", "--weights") in completed(folder, "nninspect", "model.py", "--w")
    assert ("plain", "--serve") in completed(folder, "nninspect", "model.py", "--s")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["model.py:"], ["model.py:Encoder", "model.py:Decoder"]),
        (["summary", "model.py:D"], ["model.py:Decoder"]),
        (["diff", "w.pt", "model.py:E"], ["model.py:Encoder"]),
        (["repair", "w.pt", "--for", "model.py:E"], ["model.py:Encoder"]),
        (["missing.py:"], []),
        (["keys", "w.pt", "fc"], ["fc.weight", "fc.bias"]),
        (["keys", "w.pt", "fc.bias", "fc"], ["fc.weight"]),
        (["keys", "model.py", "--weights", "w.pt", "e"], ["ema"]),
        (["keys", "model.py", "e"], []),
        (["keys", "missing.pt", "e"], []),
        (["check", "--select", "NN105,NN90"], ["NN105,NN901"]),
        (["check", "--explain", "nn90"], ["NN901"]),
        (["check", "--format", "s"], ["sarif"]),
        (["forward", "model.py", "--b"], ["--backward", "--batches"]),
    ],
)
def test_values_are_completed(folder, words, offered):
    found = [value for kind, value in completed(folder, "nninspect", *words) if kind == "plain"]
    assert sorted(set(found) & set(offered)) == sorted(offered)
    if not words[-1].startswith("-"):
        assert sorted(found) == sorted(offered)


def test_every_option_that_names_a_file_completes_files():
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        context = click.Context(command)
        for parameter in command.params:
            if parameter.metavar and parameter.metavar.split(".")[0] in ("FILE", "OUT"):
                kinds = {item.type for item in parameter.shell_complete(context, "x")}
                assert kinds == {"file"}, f"{name} {parameter.opts}"


def test_classes_are_read_without_running_the_file(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("class A(:")
    assert classes_in(file) == []
    assert classes_in(tmp_path) == []
    file.write_bytes(b"\x00\xff")
    assert classes_in(file) == []


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["n", "model.py", ":", "Le"], ["n", "model.py:Le"]),
        (["n", "model.py", ":"], ["n", "model.py:"]),
        (["n", "a", ":", "b", "c"], ["n", "a:b", "c"]),
        (["n", "1x3", ":", "int64~range(0,9)"], ["n", "1x3:int64~range(0,9)"]),
    ],
)
def test_words_that_a_colon_took_apart_are_joined(words, joined):
    assert joined_at_colons(words) == joined


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["nninspect", "scr"], {"screenshot"}),
        (["nninspect", "model.py", ":", "Enc"], {"Encoder"}),
        (["nninspect", "model.py", ":"], {"Encoder", "Decoder"}),
        (["nninspect", "keys", "w.pt", "fc"], {"fc.weight", "fc.bias"}),
    ],
)
def test_in_bash(folder, words, offered, capsys):
    assert run(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    program = folder / "bin" / "nninspect"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m inspector "$@"\n')
    program.chmod(0o755)
    asking = (
        f"{script}\nCOMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}\n_nninspect_completion nninspect\n"
    )
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "--norc", "-c", asking + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
    )
    assert set(done.stdout.split()) == offered, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_says_how_to_install_it(shell, capsys):
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_NNINSPECT_COMPLETE={shell}_complete" in script
    assert f"nninspect completion {shell}" in script.splitlines()[-1]
    assert script.splitlines()[-1].startswith("#")
