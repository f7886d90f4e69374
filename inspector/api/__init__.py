"""The Python API; see `inspector`."""

from inspector.api.exploring import explore
from inspector.api.looking import check, summary, trace
from inspector.api.results import CheckResult, Summary, TraceResult
from inspector.core.errors import RequestError

__all__ = ["CheckResult", "RequestError", "Summary", "TraceResult", "check", "explore", "summary", "trace"]
