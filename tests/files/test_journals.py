"""Journals that were written, read back and damaged."""

import json

import pytest

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.files.journals import read_journal, write_journal

EDITS = [
    Edit(action="initialise", where="*.weight", argument="lsuv(std=2)", seed=3, scales={"a.weight": 0.1}, frozen=True),
    Edit(action="set_element", where="ключ\n", argument="-2.5", index=[0, 3]),
    Edit(action="mode", where="", argument="train"),
]


def test_edits_come_back_as_they_were_written(tmp_path):
    write_journal(str(tmp_path / "j.json"), EDITS)
    assert read_journal(str(tmp_path / "j.json")) == EDITS
    assert [path.name for path in tmp_path.iterdir()] == ["j.json"]


def test_an_existing_file_is_replaced_only_where_asked(tmp_path):
    path = str(tmp_path / "j.json")
    write_journal(path, EDITS)
    with pytest.raises(RequestError, match="exists"):
        write_journal(path, [])
    assert read_journal(path) == EDITS
    write_journal(path, [], overwrite=True)
    assert read_journal(path) == []


def test_where_nothing_can_be_written_nothing_is_left(tmp_path):
    with pytest.raises(RequestError, match="no does not exist"):
        write_journal(str(tmp_path / "no" / "j.json"), EDITS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(RequestError, match="is a folder"):
        write_journal(str(tmp_path / "folder"), EDITS, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def _with(**changes):
    return {"format": "nninspect journal", "version": 1, "edits": [], **changes}


def _edit(**changes):
    return {"action": "mode", "where": "", "argument": "train", **changes}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no journal"),
        ("[1, 2]", "no journal"),
        (json.dumps({"edits": []}), "no journal"),
        (json.dumps(_with(format="other")), "no journal"),
        ("\xff\xfe", "no journal"),
        (json.dumps(_with(version=2)), "newer nninspect"),
        (json.dumps(_with(version=0)), "version 0"),
        (json.dumps(_with(edits={})), "damaged"),
        (json.dumps(_with(edits=[], note="")), "damaged: 'note' does not belong there"),
        (json.dumps(_with(edits=[_edit(seed=2**65)])), "damaged"),
        ("[" * 100_000, "no journal"),
        (json.dumps(_with(edits=[_edit(action="run")])), r"damaged: Invalid enum value 'run'.*edits\[0\].action"),
        (json.dumps(_with(edits=[_edit(seed="1")])), r"damaged: .*edits\[0\].seed"),
        (json.dumps(_with(edits=[_edit(code="import os")])), r"damaged: 'edits\[0\].code' does not belong there"),
        (
            json.dumps(_with(edits=[_edit(action="initialise", argument="nomral_")])),
            r"damaged: edit 1: .*mean normal_",
        ),
    ],
)
def test_what_is_no_journal_is_told_in_a_sentence(tmp_path, content, says):
    (tmp_path / "j.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RequestError, match=says):
        read_journal(str(tmp_path / "j.json"))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RequestError, match="cannot be read: No such file"):
        read_journal(str(tmp_path / "j.json"))
