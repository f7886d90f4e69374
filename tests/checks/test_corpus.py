"""The corpus: every faulty file is found by the rule that its name begins with, and no mended one is called wrong."""

import itertools
import re
import shlex
from pathlib import Path

import pytest

from inspector.checks.running import check_model
from inspector.core.findings import CheckReport, CheckSettings
from inspector.core.recipe import Recipe, parse_each
from inspector.engine.opening import open_live

CORPUS = Path(__file__).parents[1] / "corpus"
QUICK = {"NN201_lstm_last_step_faulty", "NN201_lstm_last_step_mended", "NN203_channels_as_steps_faulty"}
FILES = [
    pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else [pytest.mark.slow])
    for path in sorted(CORPUS.glob("NN*_*.py"))
]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


FAULTY = [file for file in FILES if str(file.id).endswith("faulty")]
MENDED = [file for file in FILES if str(file.id).endswith("mended")]


def checked(path: Path, *rules: str) -> CheckReport:
    """What rules, all if none is named, find in a file of the corpus, opened with the options of its first lines."""
    words = shlex.split(_said(path, "options"))
    options = dict(itertools.pairwise(words))
    inputs = parse_each(value for word, value in itertools.pairwise(words) if word == "--input")
    weights = options.get("--weights")
    recipe = Recipe(
        target=str(path),
        weights=str(CORPUS / weights) if weights else None,
        arguments=options.get("--args", ""),
        training="--train" in words,
        inputs=inputs,
    )
    return check_model(open_live(recipe), CheckSettings(select=[*rules]), lambda *_: None)


def _said(path: Path, what: str) -> str:
    head = "".join(path.read_text().splitlines(keepends=True)[:4])
    found = re.search(rf"^# {what}: (.*)$", head, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("path", FAULTY)
def test_the_rule_finds_the_fault(path: Path) -> None:
    rule = path.stem.partition("_")[0]
    assert rule in {finding.rule for finding in checked(path, rule).findings}


@pytest.mark.slow
@pytest.mark.parametrize("path", FAULTY[::4])
def test_no_other_rule_calls_an_error(path: Path) -> None:
    true = {path.stem.partition("_")[0], *_said(path, "also").split()}
    assert [one for one in checked(path).findings if one.severity == "error" and one.rule not in true] == []


@pytest.mark.parametrize("path", MENDED)
def test_the_rule_does_not_warn_of_a_mended_file(path: Path) -> None:
    rule = path.stem.partition("_")[0]
    assert [finding for finding in checked(path, rule).findings if finding.severity != "info"] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", MENDED[::2])
def test_no_rule_calls_an_error_in_a_mended_file(path: Path) -> None:
    assert [finding for finding in checked(path).findings if finding.severity == "error"] == []
