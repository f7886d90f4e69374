"""The directory of a zip archive against the standard library's reading of it."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.files import zip_directory
from inspector.files.zip_directory import BrokenZipError, read_directory

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/\\"), min_size=1, max_size=12)


@given(
    st.dictionaries(NAMES, st.tuples(st.binary(max_size=300), st.booleans()), max_size=6),
    st.binary(max_size=40),
    st.integers(0, 50),
)
@settings(max_examples=80, deadline=None)
def test_members_are_those_that_the_standard_library_reads(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, tuple[bytes, bool]], comment: bytes, before: int
) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, (content, packed) in members.items():
            target.writestr(name, content, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
        target.comment = comment.replace(b"PK", b"")
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    path.write_bytes(bytes(before) + stream.getvalue())
    directory = read_directory(path, before, len(stream.getvalue()))
    with zipfile.ZipFile(stream) as reference:
        assert [(m.name, m.size, m.packed) for m in directory.members.values()] == [
            (info.filename, info.file_size, info.compress_size) for info in reference.infolist()
        ]
    for name, (content, packed) in members.items():
        assert directory.read(name, 300) == content
        assert directory.read(name, 10, only_head=True) == content[:10]
        if not packed:
            start = directory.place(name)
            assert path.read_bytes()[start : start + len(content)] == content


def test_members_beyond_four_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as stream:
        stream.truncate(5 * 2**30)
        stream.seek(5 * 2**30)
        with zipfile.ZipFile(stream, "w") as target:
            target.writestr("far", b"content")
            with target.open("wide", "w", force_zip64=True) as member:
                member.write(b"wide content")
    directory = read_directory(path)
    assert directory.members["far"].header >= 5 * 2**30
    assert (directory.read("far", 100), directory.read("wide", 100)) == (b"content", b"wide content")
    assert os.stat(path).st_blocks * 512 < 2**20


@pytest.mark.slow
def test_more_members_than_sixteen_bits_count(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        for number in range(70_000):
            target.writestr(str(number), b"")
    assert len(read_directory(tmp_path / "a.zip").members) == 70_000


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr("a", b"1")
        target.writestr("a", b"2")
    assert read_directory(tmp_path / "a.zip").repeated == ["a"]


def test_nothing_is_unpacked_beyond_the_limit(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", bytes(1000))
    directory = read_directory(tmp_path / "a.zip")
    with pytest.raises(BrokenZipError, match="unpacks to 1,000 bytes"):
        directory.read("a", 999)
    member = directory.members["a"]
    lying = zip_directory.Member("a", 10, member.packed, member.method, False, member.header)
    assert zip_directory.ZipDirectory(directory.path, 0, directory.size, {"a": lying}).read("a", 999) == bytes(10)
