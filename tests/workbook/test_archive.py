"""A zip archive opened with suspicion."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from farol.errors import WorkbookError
from farol.workbook.archive import Archive
from farol.workbook.limits import Limits
from tests.memory import allocated, least

LIMITS = Limits(max_unpacked_bytes=10_000)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file with these members, the same bytes whatever the clock says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def refused(content: bytes, limits: Limits = LIMITS) -> str:
    """The error when an archive is opened and read whole."""
    with pytest.raises(WorkbookError) as error:
        Archive(content, "file.xlsx", limits).check()
    return str(error.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_members_are_read_as_they_were_written(method: int) -> None:
    archive = Archive(zipped({"a": b"x" * 500, "b": b""}, method), "file.xlsx", LIMITS)
    assert "a" in archive
    assert "c" not in archive
    assert (archive.read("a"), archive.read("b")) == (b"x" * 500, b"")
    archive.check()


def test_too_large_a_directory_is_refused_before_unpacking() -> None:
    assert "at most 10,000 bytes when unpacked" in refused(zipped({"a": b"0" * 6_000, "b": b"0" * 6_000}))


def test_a_bomb_that_says_it_is_small_is_refused() -> None:
    content = bytearray(zipped({"a": b"0" * 9_999_999}))
    size = struct.pack("<L", 9_999_999)
    while size in content:
        at = content.index(size)
        content[at : at + 4] = struct.pack("<L", 100)

    def read() -> int:
        with allocated() as memory:
            assert "damaged" in refused(bytes(content))
        return memory.peak

    assert least(read, 1_000_000) < 1_000_000  # it was not even unpacked to find out


def test_a_member_that_holds_less_than_it_says_is_refused() -> None:
    content = zipped({"a": b"0" * 1000}).replace(struct.pack("<L", 1000), struct.pack("<L", 1001))
    assert "damaged" in refused(content)


def test_an_archive_cut_short_is_refused() -> None:
    whole = zipped({"a": b"0" * 1000})
    assert all("damaged" in refused(whole[:length]) for length in (1, 10, len(whole) // 2, len(whole) - 1))


def test_a_protected_archive_is_refused_as_such() -> None:
    content = bytearray(zipped({"a": b"x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "password" in refused(bytes(content))


def test_a_member_twice_is_refused() -> None:
    content = zipped({"a": b"x", "b": b"y"}).replace(b"b", b"a")
    assert "damaged" in refused(content)


def test_other_compressions_are_refused() -> None:
    assert "damaged" in refused(zipped({"a": b"x" * 500}, zipfile.ZIP_BZIP2))


@pytest.mark.parametrize("at", [b"PK\x03\x04", b"\x00" * 3])
def test_a_spoilt_member_is_refused(at: bytes) -> None:
    content = zipped({"a": bytes(range(256))})
    if at == b"PK\x03\x04":
        spoilt = content.replace(at, b"PK\x03\x05", 1)
    else:  # the compressed bytes themselves
        start = content.index(b"a") + 1
        spoilt = content[:start] + b"\xff" * 5 + content[start + 5 :]
    assert "damaged" in refused(spoilt)
