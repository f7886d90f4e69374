"""`nninspect config`: where settings and what is remembered lie, and the settings in force."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from inspector.cli import options
from inspector.core.errors import ExitStatus
from inspector.core.settings import Settings
from inspector.files.settings_file import SettingsFile, read_settings
from inspector.files.user_folders import log_folder, state_folder


@click.command("config")
@options.settings_file
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@options.as_json
def command(json: bool, debug: bool, config: str | None) -> int:
    """Print every path that is used, and each setting with where it comes from."""
    read = read_settings(config)
    if read.given:
        _refuse_what_the_interface_refuses(read)
    paths = {"config": Path(read.file), "state": state_folder(), "log": log_folder()}
    click.echo(_document(read, paths) if json else _text(read, paths))
    return ExitStatus.DONE


def _refuse_what_the_interface_refuses(read: SettingsFile) -> None:
    from textual.theme import BUILTIN_THEMES

    from inspector.tui.settings_in_force import checked_actions
    from inspector.tui.themes import HIGH_CONTRAST

    checked_actions(read, {*BUILTIN_THEMES, *(theme.name for theme in HIGH_CONTRAST)})


def _document(read: SettingsFile, paths: dict[str, Path]) -> str:
    facts = {
        "schema_version": 1,
        "paths": {name: {"path": str(path), "exists": os.path.exists(path)} for name, path in paths.items()},
        "settings": {
            name: {"value": value, "from": read.file if name in read.given else None}
            for name, value in _values(read.settings).items()
        },
    }
    return msgspec.json.format(msgspec.json.encode(facts), indent=2).decode()


def _text(read: SettingsFile, paths: dict[str, Path]) -> str:
    lines = [f"{name:<11} {path}{'' if os.path.exists(path) else '  (not there)'}" for name, path in paths.items()]
    lines.append("")
    for name, value in _values(read.settings).items():
        where = read.place(name) if name in read.given else "default"
        written = "not set" if value is None else msgspec.json.encode(value).decode()
        lines.append(f"{name:<11} {written}  ({where})")
    return "\n".join(lines)


def _values(settings: Settings) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(settings)
    return values
