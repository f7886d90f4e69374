"""`nninspect config`: the paths and the settings in force."""

import json

import pytest

from inspector.cli.main import run


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("NNINSPECT_CONFIG", str(tmp_path / "mine.toml"))
    monkeypatch.setenv("NNINSPECT_STATE", str(tmp_path / "state"))
    return tmp_path / "mine.toml"


def test_without_a_file_every_setting_is_as_it_comes(file, capsys):
    assert run(["config"]) == 0
    told = capsys.readouterr().out
    assert f"{file}  (not there)" in told
    assert "theme       not set  (default)" in told
    assert "device      not set  (default)" in told


def test_each_setting_says_where_it_comes_from(file, capsys):
    file.write_text('# mine\ntheme = "nord"\n[keys]\nforward = "ctrl+f"\n')
    assert run(["config"]) == 0
    told = capsys.readouterr().out
    assert f'"nord"  ({file}, line 2)' in told
    assert f"({file}, line 3)" in told


def test_json_has_the_paths_and_the_settings(file, tmp_path, capsys):
    file.write_text("seed = 3\n")
    assert run(["config", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["paths"]["config"] == {"path": str(file), "exists": True}
    assert told["paths"]["state"] == {"path": str(tmp_path / "state"), "exists": False}
    assert set(told["paths"]) == {"config", "state", "log"}
    assert told["settings"]["seed"] == {"value": 3, "from": str(file)}
    assert told["settings"]["theme"]["from"] is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"theme = ", "is no TOML"),
        (b"\xff = 1", "not text in UTF-8"),
        (b"sed = 1", "there is no setting 'sed'"),
        (b'theme = "nrod"', "did you mean nord?"),
        (b'[keys]\nforwrad = "f"', "forwrad"),
        (b'[keys]\nforward = "q"', "q for forward is the key of quit"),
    ],
)
def test_a_file_that_does_not_read_is_refused_by_its_name(file, content, told, capsys):
    file.write_bytes(content)
    assert run(["config"]) == 2
    problem = capsys.readouterr().err
    assert told in problem
    assert str(file) in problem


def test_a_place_where_the_system_cannot_look_is_refused_by_its_name(monkeypatch, capsys):
    monkeypatch.setenv("NNINSPECT_CONFIG", "/" + "x" * 300)
    assert run(["config"]) == 2
    assert "xxx cannot be read: File name too long; NNINSPECT_CONFIG names another" in capsys.readouterr().err


def test_what_the_system_refuses_elsewhere_is_not_said_of_the_output(monkeypatch, capsys):
    def refused(path):
        raise PermissionError(13, "Permission denied", "/closed/folder")

    monkeypatch.setattr("inspector.cli.config.read_settings", refused)
    assert run(["config"]) == 2
    assert capsys.readouterr().err == "nninspect: /closed/folder cannot be used: Permission denied\n"


def test_another_file_has_to_be_there(tmp_path, capsys):
    other = tmp_path / "other.toml"
    assert run(["config", "--config", str(other)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    other.write_text("ascii = true")
    assert run(["config", "--config", str(other)]) == 0
    assert f"true  ({other}, line 1)" in capsys.readouterr().out
