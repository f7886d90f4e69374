"""Where the program keeps what is a person's own, by the customs of the system.

Each raises RequestError where the environment names a folder of a user who does not exist.
"""

import os
from pathlib import Path

import platformdirs

from inspector.files.typed_paths import expanded

NAME = "nninspect"
CONFIGURATION = "NNINSPECT_CONFIG"
"""Names another file of settings."""
STATE = "NNINSPECT_STATE"
"""Names another folder for what is remembered, and for the logs."""


def configuration_file() -> Path:
    """The file of settings; it need not be there."""
    named = os.environ.get(CONFIGURATION)
    if named:
        return expanded(named)
    return Path(platformdirs.user_config_dir(NAME, appauthor=False)) / "config.toml"


def state_folder() -> Path:
    """What is remembered of each model."""
    named = os.environ.get(STATE)
    return expanded(named) if named else Path(platformdirs.user_state_dir(NAME, appauthor=False))


def log_folder() -> Path:
    """Tracebacks of our own mistakes."""
    named = os.environ.get(STATE)
    return expanded(named) / "log" if named else Path(platformdirs.user_log_dir(NAME, appauthor=False))
