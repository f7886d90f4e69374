"""What a file says about itself, without running or loading it: one module a format, torch-free."""

from inspector.files.opening import open_catalog
from inspector.files.table import table_of

__all__ = ["open_catalog", "table_of"]
