"""Tracebacks as Python writes them, their frames told apart."""

import runpy
import traceback

from inspector.core.traceback_text import Frame, folded, own_frame, parts_of


def traceback_of(code, path):
    path.write_text(code)
    try:
        runpy.run_path(str(path))
    except Exception as error:
        return "".join(traceback.format_exception(error)), error
    raise AssertionError


def test_every_frame_that_python_names_is_there_in_order(tmp_path):
    file = tmp_path / "net.py"
    text, error = traceback_of("def f(x):\n    return x[3]\n\nf(\n  [])\n", file)
    frames = [part for part in parts_of(text) if isinstance(part, Frame)]
    known = traceback.extract_tb(error.__traceback__)
    assert [(one.file, one.line, one.function) for one in frames] == [
        (one.filename, one.lineno, one.name) for one in known
    ]
    assert [part for part in parts_of(text) if isinstance(part, str)][-1] == "IndexError: list index out of range"


def test_the_innermost_line_of_the_users_own_is_found_below_a_librarys(tmp_path):
    file = tmp_path / "net.py"
    text, _ = traceback_of("import json\n\njson.loads('{')\n", file)
    frame = own_frame(text)
    assert frame is not None
    assert (frame.file, frame.line) == (str(file), 3)
    assert frame.code[0].strip() == "json.loads('{')"


def test_frames_of_others_are_counted_not_dropped(tmp_path):
    text, _ = traceback_of("import json\njson.loads('{')\n", tmp_path / "net.py")
    parts = list(parts_of(text))
    others = [part for part in parts if isinstance(part, Frame) and not part.is_own]
    assert sum(part for part in folded(parts) if isinstance(part, int)) == len(others) > 0


def test_what_is_no_traceback_stays_as_it_is():
    assert list(parts_of("one\n  two")) == ["one", "  two"]
    assert own_frame("") is None
