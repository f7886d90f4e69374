"""Planted crashes and gradient cuts: the module and the line are the ones that were planted."""

from pathlib import Path

import pytest
from planted_lines import CRASHES, CUTS, Planted

from inspector.checks.running import check_model
from inspector.core.findings import CheckSettings, Finding
from inspector.core.recipe import Recipe, parse_each
from inspector.engine.opening import open_live

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def found(planted: Planted, rule: str, folder: Path) -> list[Finding]:
    file = folder / f"planted_{abs(hash(planted.name))}.py"
    file.write_text(planted.source)
    recipe = Recipe(target=f"{file}:Net", inputs=list(parse_each(planted.inputs)))
    return check_model(open_live(recipe), CheckSettings(select=[rule]), lambda *_: None).findings


def named(cases: list[Planted]) -> pytest.MarkDecorator:
    quick = {cases[0].name, cases[1].name}
    return pytest.mark.parametrize(
        "planted",
        [pytest.param(one, id=one.name, marks=[] if one.name in quick else [pytest.mark.slow]) for one in cases],
    )


@named(CRASHES)
def test_a_crash_is_told_with_its_module_and_line(planted: Planted, tmp_path: Path) -> None:
    (finding,) = found(planted, "NN001", tmp_path)
    assert finding.severity == "error"
    assert finding.source is not None
    assert (finding.path, finding.source.line) == (planted.path, planted.line)


@named(CUTS)
def test_a_gradient_cut_is_told_with_its_module_and_line(planted: Planted, tmp_path: Path) -> None:
    (finding,) = [one for one in found(planted, "NN103", tmp_path) if one.severity != "info"]
    assert finding.source is not None
    assert (finding.path, finding.source.line) == (planted.path, planted.line)
