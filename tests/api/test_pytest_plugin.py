"""The pytest plugin in a project of its own, run by pytest in a child process as its user runs it."""

import os
import re
import shutil

import pytest
import torch
from distributions import ROOT, distribution, python
from torch import nn

import inspector
from inspector.testing import assert_healthy, assert_loads, assert_snapshot

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path):
    """The small project, and the distribution that makes pytest find the plugin."""
    shutil.copytree(ROOT / "tests/plugin_project", tmp_path / "project", ignore=shutil.ignore_patterns("__*__"))
    distribution(tmp_path / "site", "nninspect_here", {"pytest11": {"nninspect": "inspector.pytest_plugin"}})
    return tmp_path / "project"


def pytest_in(project, *arguments):
    return python(["-m", "pytest", "-p", "no:cacheprovider", *arguments], project, [project.parent / "site"])


def snapshots(project):
    return {file.name: file.read_text() for file in (project / "__nninspect__").rglob("*.txt")}


def test_a_project_without_snapshots_fails_until_they_are_written_and_then_passes(project):
    first = pytest_in(project, "-q")
    assert first.returncode == 1
    assert "there is no snapshot" in first.stdout
    assert re.search("4 failed, 2 passed", first.stdout)
    assert not (project / "__nninspect__").exists()

    updating = pytest_in(project, "-q", "--nninspect-update")
    assert updating.returncode == 0, updating.stdout
    assert "nninspect snapshots: 6 written" in updating.stdout
    kept = snapshots(project)
    assert sorted(kept) == [
        "TestGrouped.test_small.txt",
        "test_small.txt",
        "test_widths[2].txt",
        "test_widths[2]@two.txt",
        "test_widths[3].txt",
        "test_widths[3]@two.txt",
    ]
    assert "parameter 0.weight 4×1×3×3 float32" in kept["test_small.txt"]
    assert max(map(len, kept.values())) < 1000

    again = pytest_in(project, "-q", "-n", "1")
    assert again.returncode == 0, again.stdout
    assert "nninspect snapshots" not in again.stdout
    assert snapshots(project) == kept


def test_a_changed_model_fails_with_the_lines_that_differ(project, monkeypatch):
    pytest_in(project, "-q", "-k", "small", "--nninspect-update")
    monkeypatch.setenv("WIDTH", "6")
    changed = pytest_in(project, "-q", "-k", "small")
    assert changed.returncode == 1
    assert "1 failed, 1 passed" in changed.stdout
    differing = [line.removeprefix("E").strip() for line in changed.stdout.splitlines() if line.startswith("E")]
    assert "-parameter 0.weight 4×1×3×3 float32" in differing
    assert "+parameter 0.weight 6×1×3×3 float32" in differing
    assert not any(line.startswith(("-parameter 3.bias", "+parameter 3.bias")) for line in differing)
    assert "if that is meant, renew it with --nninspect-update" in changed.stdout

    renewed = pytest_in(project, "-q", "-k", "small", "--nninspect-update")
    assert renewed.returncode == 0
    assert "nninspect snapshots: 1 written" in renewed.stdout


def test_snapshots_that_no_test_uses_are_told_and_deleted_by_an_update(project):
    (project / "test_nets.py").write_text(
        "def test_plain():\n    pass\n\n\ndef test_small(model_snapshot):\n"
        "    from nets import small\n    model_snapshot(small(), '1x1x8x8')\n"
    )
    pytest_in(project, "-q", "--nninspect-update")
    stray = project / "__nninspect__/test_nets/test_removed.txt"
    stray.write_text("nninspect snapshot 1\n")
    for partial in (["-k", "plain"], ["test_nets.py::test_plain"], ["--collect-only"]):
        assert "unused" not in pytest_in(project, "-q", *partial).stdout
    whole = pytest_in(project, "-q", "-n", "1")
    assert whole.returncode == 0
    assert "nninspect snapshots: 1 unused found" in whole.stdout
    assert "__nninspect__/test_nets/test_removed.txt: delete it" in whole.stdout
    assert stray.exists()
    assert "1 unused deleted" in pytest_in(project, "-q", "--nninspect-update").stdout
    assert sorted(snapshots(project)) == ["test_small.txt"]


def test_after_a_process_crashed_no_snapshot_counts_as_unused(project):
    (project / "test_nets.py").write_text(
        "import os\n\n\n"
        "def test_small(model_snapshot):\n    from nets import small\n    model_snapshot(small(), '1x1x8x8')\n\n\n"
        "def test_crash():\n    os._exit(1)\n"
    )
    crashed = pytest_in(project, "-q", "-n", "1", "--nninspect-update")
    assert "1 failed, 1 passed" in crashed.stdout
    assert list(snapshots(project)) == ["test_small.txt"]


def test_pytest_starts_without_torch_and_without_rich_where_nothing_is_used(project):
    (project / "test_nets.py").unlink()
    (project / "test_plain.py").write_text(
        "import sys\n\ndef test_it(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('nninspect')\n"
        "    assert not {'torch', 'rich', 'numpy', 'msgspec', 'textual', 'inspector.testing'} & set(sys.modules)\n"
    )
    done = pytest_in(project, "-q", "-p", "no:hypothesispytest", "-p", "no:textual-snapshot", "-p", "no:syrupy")
    assert done.returncode == 0, done.stdout


def model(width=3):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2)).eval()


def test_every_kind_of_change_fails_and_values_do_not(tmp_path):
    file = tmp_path / "kept.txt"
    x = torch.randn(2, 4)
    assert assert_snapshot(model(), file, x, update=True)
    assert not assert_snapshot(model(), file, torch.randn(2, 4))
    frozen = model()
    frozen[0].bias.requires_grad_(False)
    tied = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    assert_snapshot(tied, tmp_path / "untied.txt", x, update=True)
    tied[2].weight = tied[0].weight
    for changed, kept in (
        (model(5), file),
        (model().double(), file),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), file),
        (frozen, file),
        (tied, tmp_path / "untied.txt"),
    ):
        given = x.double() if changed[0].weight.dtype == torch.float64 else x
        with pytest.raises(AssertionError, match="the model is not as"):
            assert_snapshot(changed, kept, given)
    with pytest.raises(AssertionError, match="the model is not as"):
        assert_snapshot(model(), file, torch.randn(3, 4))


def test_another_receptive_field_of_the_same_shapes_fails(tmp_path):
    def layers(dilation):
        return nn.Sequential(nn.Conv2d(1, 1, 3, dilation=dilation, padding=dilation))

    assert_snapshot(layers(1), tmp_path / "kept.txt", "1x1x9x9", update=True)
    with pytest.raises(AssertionError, match=r"sees 5×5 every 1, 1 from -2, -2"):
        assert_snapshot(layers(2), tmp_path / "kept.txt", "1x1x9x9")


def test_fields_of_a_million_pixels_are_told_apart(tmp_path):
    def layers(dilation):
        return nn.Sequential(nn.Conv1d(1, 1, 2, dilation=dilation, padding=dilation))

    assert_snapshot(layers(1_000_001), tmp_path / "kept.txt", "1x1x1000001", update=True)
    text = (tmp_path / "kept.txt").read_text()
    assert "from -1000001" in text


def test_a_forward_that_fails_is_no_snapshot(tmp_path):
    with pytest.raises(AssertionError, match="the forward fails in 2"):
        assert_snapshot(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(5, 2)), tmp_path / "kept.txt", "1x4")


@pytest.mark.parametrize("strict", [True, False])
def test_assert_loads_agrees_with_torch(tmp_path, strict):
    """Of variants of a state_dict exactly those pass that torch takes strictly."""
    state = model().state_dict()
    variants = {
        "same": state,
        "half": {key: value.half() for key, value in state.items()},
        "prefixed": {f"module.{key}": value for key, value in state.items()},
        "nested": {"state_dict": state, "epoch": 3},
        "missing": dict(list(state.items())[1:]),
        "unexpected": {**state, "extra.weight": torch.ones(3, 3)},
        "shape": {**state, "0.bias": torch.ones(7)},
    }
    for name, variant in variants.items():
        torch.save(variant, tmp_path / f"{name}.pt")
        try:
            model().load_state_dict(variant, strict=True)
            takes = True
        except RuntimeError:
            takes = False
        mended = name in ("prefixed", "nested")
        if takes or (mended and not strict):
            assert_loads(model(), tmp_path / f"{name}.pt", mended=not strict)
        elif strict:
            with pytest.raises(AssertionError, match=f"{name}.pt does not load strictly"):
                assert_loads(model(), tmp_path / f"{name}.pt")


def test_assert_loads_says_which_rules_would_mend_it(tmp_path, monkeypatch):
    before = model()
    torch.save({f"module.{key}": value for key, value in before.state_dict().items()}, tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=r"rules:\n.*module") as failed:
        assert_loads(before, "w.pt")
    assert str(failed.value).startswith("w.pt does not load strictly: it has to be mended first\n")
    assert "4 tensors" in str(failed.value)
    assert os.listdir(tmp_path) == ["w.pt"]


def test_assert_healthy_says_what_is_wrong_from_a_severity_on():
    sick = model()
    sick[0].weight.data[0, 0] = float("nan")
    with pytest.raises(AssertionError, match="error NN402 nonfinite-weights") as failed:
        assert_healthy(sick, torch.ones(1, 4))
    assert "evidence: " in str(failed.value)
    # Rules about values that are not there fall silent with it.
    assert_healthy(sick, torch.ones(1, 4), select=["NN402"], ignore=["NN402"])
    with pytest.raises(AssertionError, match="info NN404"):
        assert_healthy(model(64), select=["NN404"], fail_on="info")
    assert_healthy(model(64), select=["NN404"])


def test_a_file_that_is_missing_is_no_failed_assertion(tmp_path):
    with pytest.raises(inspector.RequestError, match="there is no file") as refused:
        assert_loads(model(), tmp_path / "none.pt")
    frames = [entry.frame.code.name for entry in refused.traceback if not entry.ishidden(refused)]
    assert frames == ["test_a_file_that_is_missing_is_no_failed_assertion"]


@pytest.mark.parametrize("severity", ["never", "warnings"])
def test_a_severity_that_is_none_is_refused(severity):
    with pytest.raises(inspector.RequestError, match=f"'{severity}', not one of error, warning, info"):
        assert_healthy(model(), fail_on=severity)


def test_a_snapshot_that_cannot_be_read_or_written_fails_in_a_sentence(tmp_path):
    (tmp_path / "bytes.txt").write_bytes(b"nninspect snapshot 1\n\xff\xfe")
    with pytest.raises(AssertionError, match="renew it with --nninspect-update"):
        assert_snapshot(model(), tmp_path / "bytes.txt", "1x4")
    assert assert_snapshot(model(), tmp_path / "bytes.txt", "1x4", update=True)
    assert not assert_snapshot(model(), tmp_path / "bytes.txt", "1x4")
    (tmp_path / "taken").write_text("")
    with pytest.raises(inspector.RequestError, match="cannot be written"):
        assert_snapshot(model(), tmp_path / "taken" / "kept.txt", "1x4", update=True)


def test_two_snapshots_never_share_a_file(project):
    (project / "test_nets.py").write_text(
        "import pytest\nfrom nets import small\n\n\n"
        "def test_twice(model_snapshot):\n"
        "    model_snapshot(small(), '1x1x8x8', name='a')\n    model_snapshot(small(5), '1x1x8x8', name='a')\n\n\n"
        "@pytest.mark.parametrize('letter', ['A', 'a'])\n"
        "def test_letters(model_snapshot, letter):\n    model_snapshot(small(), '1x1x8x8')\n"
    )
    done = pytest_in(project, "-q", "--nninspect-update")
    assert "2 failed, 1 passed" in done.stdout
    assert "two snapshots by the name 'a'; give each its own name=" in done.stdout
    assert "and that of test_nets.py::test_letters[A] are one file where capitals are not told apart" in done.stdout
