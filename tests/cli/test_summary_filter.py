"""`summary --filter`: the rows found, what holds them, and what is said of a filter that does not read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from inspector.cli.main import main
from inspector.core.errors import RequestError


@pytest.fixture
def weights(tmp_path) -> Path:
    path = tmp_path / "w.safetensors"
    tensors = {"a.up.weight": np.zeros((40, 50)), "a.down.weight": np.zeros((2, 3)), "b.weight": np.zeros(7)}
    save_file({key: value.astype("float32") for key, value in tensors.items()}, path)
    return path


def printed(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(main, ["summary", *arguments], obj=[])
    assert done.exit_code == status, done.output
    return done.output


def test_rows_found_are_printed_with_what_holds_them(weights):
    text = printed(str(weights), "--filter", "params>1k name:up")
    assert "up" in text
    assert "down" not in text
    assert "1 of 5 rows match params>1k name:up" in text


def test_rows_keep_their_numbers_in_json(weights):
    whole = json.loads(printed(str(weights), "--json"))
    found = json.loads(printed(str(weights), "--json", "--filter", "params>1k name:up"))
    by_index = {row["index"]: row for row in whole["rows"]}
    assert [by_index[row["index"]] for row in found["rows"]] == found["rows"]
    assert [row["path"] for row in found["rows"]] == ["", "a", "a.up"]
    (matching,) = found["filter"]["matching"]
    assert by_index[matching]["path"] == "a.up"
    assert found["filter"] == {"text": "params>1k name:up", "matching": [matching], "of": len(whole["rows"])}
    assert found["totals"] == whole["totals"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("parms>3", "did you mean params>"), ("", "a filter is missing"), ("nan", "pass on real values")],
)
def test_what_cannot_be_filtered_by_is_refused_in_a_sentence(weights, text, says):
    with pytest.raises(RequestError, match=re.escape(says)):
        CliRunner().invoke(main, ["summary", str(weights), "--filter", text], obj=[], catch_exceptions=False)
