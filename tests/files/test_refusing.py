"""Everything that is taken for a checkpoint and is none is named for what it is, with what to do."""

import bz2
import gzip
import io
import lzma
import os
import socket
import zipfile
from pathlib import Path

import pytest
import torch

from inspector.core.errors import RequestError
from inspector.files import open_catalog


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, content in members.items():
            target.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def encrypted() -> bytes:
    """A torch archive with the flag for encryption set in both of its directories."""
    stream = io.BytesIO()
    torch.save({"w": torch.ones(2)}, stream)
    data = bytearray(stream.getvalue())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + place] |= 1
            at = data.find(signature, at + 4)
    return bytes(data)


CASES = [
    (b"", r"is empty \(0 bytes\): the download or copy failed; fetch"),
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1234\n",
        "git-LFS pointer.*1,234 bytes: run `git lfs pull`",
    ),
    (b"<!DOCTYPE html>\n<html>", "a web page"),
    (b"\xef\xbb\xbf \n<html lang=en>", "a web page"),
    (
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
        r"error message in XML \(Access Denied\)",
    ),
    (b'<?xml version="1.0"?><net name="x"></net>', "an XML file"),
    (b'{"error":"Repository not found"}', r'error message in JSON \("Repository not found"\).*signing in'),
    (b'{"error": {"code": 403, "message": "denied"}}', r'error message in JSON \("denied"\)'),
    (b'{"architectures": ["Bert"], "hidden": 3}', "a model's configuration"),
    (b'{"a": 1}', "is a JSON file"),
    (bytes(5000), "zeros only.*has reserved its room"),
    (gzip.compress(b"x" * 100), "compressed by gzip; unpack it"),
    (bz2.compress(b"x" * 100), "compressed by bzip2"),
    (lzma.compress(b"x" * 100), "compressed by xz"),
    (b"\x28\xb5\x2f\xfd\x04\x00\x01", "compressed by zstd"),
    (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7-Zip archive"),
    (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n\x00", "an HDF5 file, as of Keras"),
    (b"\x1c\x00\x00\x00TFL3\x14\x00", "a TensorFlow Lite model"),
    (bytes(20) + b"\x01" + bytes(20) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "the index of a TensorFlow checkpoint"),
    (b"\x81\xa6params\x81\xa6kernel\xc7\x05\x01\x93", "Flax's format"),
    (b"import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n", "Python source.*ending .py"),
    (b"epoch 1 loss 0.5\nepoch 2 loss 0.4\n", 'a text file that begins "epoch 1 loss 0.5"'),
    (b"\x08\x0a\x12\x07pytorch", "an ONNX model"),
    (zipped(**{"word__document.xml": b"", "[Content_Types].xml": b""}), "an Office document"),
    (zipped(**{"config.json": b"", "metadata.json": b"", "model.weights.h5": b""}), "a Keras model"),
    (zipped(**{"run__model.pt": b"x", "run__log.txt": b""}), r"a zip archive with run/model\.pt in it; unpack it"),
    (zipped(**{"a.txt": b""}), r"not a PyTorch checkpoint: it holds a\.txt"),
    (encrypted(), "an encrypted zip archive.*unpack it with its password"),
    (b"PK\x03\x04" + bytes(200), "begins as a zip archive but its end is missing or damaged"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"\x13\x37\xde\xad\xbe\xef\x00\x01", r"not a checkpoint: it begins with 13 37 de ad be ef 00 01"),
]


@pytest.mark.parametrize(("content", "sentence"), CASES, ids=[sentence[:40] for _, sentence in CASES])
def test_each_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=sentence) as caught:
        open_catalog(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RequestError, match="is a pipe, not a regular file"):
        open_catalog(tmp_path / "pipe")
    with pytest.raises(RequestError, match="is a device, not a regular file"):
        open_catalog("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(RequestError, match="is a socket, not a regular file"):
            open_catalog(tmp_path / "s")
    with pytest.raises(RequestError, match="there is no file"):
        open_catalog(tmp_path / "none")
    with pytest.raises(RequestError, match="cannot be looked at: embedded null"):
        open_catalog(tmp_path / "none\0")
