"""Where the program keeps what is a person's own, by the customs of the system."""

import os
from pathlib import Path

import platformdirs

NAME = "nninspect"
CONFIGURATION = "NNINSPECT_CONFIG"
"""Names another file of settings."""
STATE = "NNINSPECT_STATE"
"""Names another folder for what is remembered, and for the logs."""


def configuration_file() -> Path:
    """The file of settings; it need not be there."""
    named = os.environ.get(CONFIGURATION)
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_config_dir(NAME, appauthor=False)) / "config.toml"


def state_folder() -> Path:
    """What is remembered of each model."""
    named = os.environ.get(STATE)
    return Path(named).expanduser() if named else Path(platformdirs.user_state_dir(NAME, appauthor=False))


def log_folder() -> Path:
    """Tracebacks of our own mistakes."""
    named = os.environ.get(STATE)
    return Path(named).expanduser() / "log" if named else Path(platformdirs.user_log_dir(NAME, appauthor=False))


def cache_folder() -> Path:
    """What can be made again at any time."""
    return Path(platformdirs.user_cache_dir(NAME, appauthor=False))
