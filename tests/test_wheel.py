"""The wheel in a folder of its own: all that needs no development tools runs from there, and nothing else is in it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built of a copy, so that nothing is left behind in the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "inspector", source / "inspector", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    # A folder beside the package, as the repository has some.
    (source / "tests").mkdir()
    (source / "tests/__init__.py").touch()
    build = ["wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "-w", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *build], cwd=source, check=True, capture_output=True, text=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the wheel installed, which comes before what the development tools are installed in."""
    target = tmp_path_factory.mktemp("installed")
    install = ["install", "--no-deps", "--no-index", "--quiet", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, text=True)
    return target


@pytest.fixture
def run(installed, tmp_path):
    """Runs Python in a folder that is not the repository, and says what it printed."""

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_it_is_for_any_platform_and_holds_the_package_alone(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        texts = {name.rpartition("/")[2]: archive.read(name).decode() for name in names if ".dist-info/" in name}
    assert {name.partition("/")[0].rpartition(".")[2] for name in names} == {"inspector", "dist-info"}
    packaged = {str(file.relative_to(ROOT)) for file in (ROOT / "inspector").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == packaged
    assert {"inspector/py.typed", "inspector/tui/nninspect.tcss"} <= names
    assert not any(name.endswith((".so", ".pyd", ".c")) for name in names)
    assert "nninspect = inspector.cli.main:run" in texts["entry_points.txt"]
    assert "nninspect = inspector.pytest_plugin" in texts["entry_points.txt"]


def test_the_command_the_api_and_the_plugin_run_from_it(run, installed, tmp_path):
    torch.save({"fc.weight": torch.ones(2, 3), "fc.bias": torch.tensor([1.0, float("nan")])}, tmp_path / "w.pt")
    where = "import inspector; print(inspector.__file__)"
    assert run("-c", where).startswith(str(installed))
    assert json.loads(run("-m", "inspector", "summary", "w.pt", "--json"))["totals"]["parameters"] == 8
    assert "NN402" in run("-m", "inspector", "check", "w.pt", "--fail-on", "never")
    run("-m", "inspector", "screenshot", "w.pt", "-o", "w.svg", "--size", "80x24")
    assert "<svg" in (tmp_path / "w.svg").read_text()
    (tmp_path / "test_net.py").write_text(
        "import inspector\nfrom torch import nn\n\ndef test_it(model_snapshot):\n"
        "    model_snapshot(nn.Linear(3, 2), '1x3')\n"
        "    assert inspector.check(nn.Linear(3, 2), '1x3', select=['NN402']).findings == []\n"
    )
    told = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--nninspect-update", "test_net.py")
    assert "nninspect snapshots: 1 written" in told
    assert (tmp_path / "__nninspect__/test_net/test_it.txt").is_file()
