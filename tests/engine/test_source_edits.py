"""Edits of source mean what they say to Python, and their diffs apply with patch and with git."""

import ast
import subprocess
from pathlib import Path

import pytest

from inspector.engine.pytorch.source_edits import Edit, patch, with_keyword
from inspector.engine.pytorch.user_source import tree_of

TOOLS = [["patch", "-p0", "--quiet"], ["git", "apply", "-p0"]]


def call_in(file: Path) -> ast.Call:
    tree = tree_of(str(file))
    assert tree is not None
    return next(node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize("tool", TOOLS, ids=["patch", "git"])
@pytest.mark.parametrize("end", ["", "\n", "\ny = 2", "\ny = 2\n"], ids=["no newline", "newline", "a line", "lines"])
def test_a_diff_applies_however_the_file_ends(tool, end, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.py"
    file.write_text("x = f(1)" + end)
    diff = patch(Edit(str(file), call_in(file), "g(2)"))
    subprocess.run(tool, input=diff, text=True, check=True, cwd=tmp_path)
    assert file.read_text() == "x = g(2)" + end


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("f()", "f(bias=False)"),
        ("f(3, 4)", "f(3, 4, bias=False)"),
        ("f(3, bias=True)", "f(3, bias=False)"),
        ("f(3, (4 + 1))", "f(3, (4 + 1), bias=False)"),
        ("f('a)', '#')  # f(", "f('a)', '#', bias=False)"),
        ("f(\n    3,\n    é,  # four, (\n)", "f(3, é, bias=False)"),
        ("f(\n    3  # three\n)", "f(3, bias=False)"),
        ("(a\n.f(\n  3))", "a.f(3, bias=False)"),
    ],
)
def test_a_call_is_given_an_argument_wherever_its_brackets_stand(source, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.py"
    file.write_text(source)
    diff = patch(with_keyword(str(file), call_in(file), "bias", "False"))
    subprocess.run(TOOLS[0], input=diff, text=True, check=True, cwd=tmp_path)
    assert ast.dump(ast.parse(file.read_text())) == ast.dump(ast.parse(meant))
    assert file.read_text().count("#") == source.count("#")


def test_a_file_elsewhere_is_named_in_full(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for file in (tmp_path / "net.py", tmp_path / "here" / "..net.py"):
        file.write_text("f(1)\n")
    outside, below = (str(tmp_path / name) for name in ("net.py", "here/..net.py"))
    assert patch(Edit(outside, call_in(Path(outside)), "g")).startswith(f"--- {outside}\n")
    assert patch(Edit(below, call_in(Path(below)), "g")).startswith("--- ..net.py\n")
