"""Settings: what may stand in the file, and the sentence for what may not."""

import tomllib

import pytest

from inspector.core.errors import RequestError
from inspector.core.settings import Settings, settings_from


def read(text):
    return settings_from(tomllib.loads(text), text, "config.toml")


def test_an_empty_file_changes_nothing():
    assert read("") == Settings()


def test_every_setting_can_be_written():
    text = """
theme = "nord"
ascii = true
worker = "ssh box python -m inspector.worker"
seed = 7
device = "cuda:0"
functions = false
sparklines = false
spelling = "plain"
hints = false
remember = false
[keys]
forward = "f,ctrl+f"
"""
    settings = read(text)
    assert set(tomllib.loads(text)) == set(Settings.__struct_fields__)
    assert settings.theme == "nord"
    assert settings.seed == 7
    assert settings.keys == {"forward": "f,ctrl+f"}
    assert [settings.functions, settings.sparklines, settings.hints, settings.remember] == [False] * 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = 1\nthem = 'nord'", ["config.toml, line 2", "'them'", "did you mean theme?"]),
        ("xyz = 1", ["line 1", "the settings are theme, ascii"]),
        ("\n\nascii = 'yes'", ["line 3", "ascii is 'yes'", "true or false"]),
        ("seed = true", ["seed is True", "a whole number"]),
        ("seed = 1.5", ["seed is 1.5", "a whole number"]),
        (f"seed = {2**64}", ["a whole number"]),
        ("theme = ''", ["theme is ''", "for example"]),
        ("spelling = 'loud'", ["here, plain, saved"]),
        ("keys = 'f'", ["a table"]),
        ("[keys]\nforward = 1", ["line 2", "forward is 1", 'forward = "f"']),
        ("[keys.forward]\na = 1", ["line 1", "forward"]),
        ("worker = [1]", ["worker is [1]", "a command"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_and_what_would_do(text, told):
    with pytest.raises(RequestError) as refused:
        read(text)
    for part in told:
        assert part in str(refused.value)
