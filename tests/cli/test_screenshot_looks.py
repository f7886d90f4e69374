"""What the picture of `screenshot` looks like: in ASCII alone, in a theme."""

import html
import re

import pytest

from inspector.cli.main import run


def drawn(arguments, sample, tmp_path) -> str:
    picture = tmp_path / "o.svg"
    assert run(["screenshot", str(sample("lenet.params")), "-o", str(picture), *arguments]) == 0
    return picture.read_text(encoding="utf-8")


@pytest.mark.slow
def test_with_ascii_the_picture_holds_nothing_else(sample, tmp_path):
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", drawn(["--ascii"], sample, tmp_path))
    assert "conv1" in "".join(texts)
    assert html.unescape("".join(texts)).replace("\xa0", " ").isascii()


@pytest.mark.slow
def test_a_theme_is_worn_and_a_misspelt_one_refused(sample, tmp_path, capsys):
    assert "#000000" in drawn(["--theme", "high-contrast-dark"], sample, tmp_path)
    assert run(["screenshot", str(sample("lenet.params")), "-o", str(tmp_path / "p.svg"), "--theme", "nrod"]) == 2
    assert "there is no theme 'nrod'" in capsys.readouterr().err
    assert not (tmp_path / "p.svg").exists()
