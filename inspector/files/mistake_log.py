"""The file in which mistakes of our own are kept with their tracebacks, for the report of them."""

import platform
import time
import traceback
from pathlib import Path

from inspector.core.errors import RequestError
from inspector.files.user_folders import log_folder

LARGEST_BYTES = 1 << 20
"""A log that has grown larger makes room; the one before is kept."""


def log_mistake(error: BaseException) -> Path | None:
    """Write an exception with its traceback to the log; None where that cannot be written."""
    try:
        file = log_folder() / "nninspect.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > LARGEST_BYTES:
            file.replace(file.with_suffix(".log.1"))
        with file.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} Python {platform.python_version()}\n")
            log.writelines(traceback.format_exception(error))
            log.write("\n")
    except (OSError, RequestError):
        return None
    return file
