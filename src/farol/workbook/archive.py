"""A zip archive whose directory is not trusted: each member may unpack to the size in the directory and no more."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from io import BytesIO

from farol.i18n import msg
from farol.workbook.limits import Limits, damaged, encrypted, too_large

_LOCAL_HEADER = 30
_ENCRYPTED = 0x1


class Archive:
    """The members of a zip file held in memory, none larger than it says, all together within the limits.

    Case does not count in their names, and some programs write backslashes for slashes.
    """

    def __init__(self, content: bytes, file: str, limits: Limits) -> None:
        self._content = content
        self._file = file
        try:
            members = zipfile.ZipFile(BytesIO(content)).infolist()
        except (zipfile.BadZipFile, ValueError, OSError, struct.error, NotImplementedError) as error:
            raise damaged(file) from error
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise encrypted(file)
        if sum(member.file_size for member in members) > limits.max_unpacked_bytes:
            raise too_large(msg("bytes when unpacked"), limits.max_unpacked_bytes, file)
        self._members = {_key(member.filename): member for member in members}
        if len(self._members) != len(members):
            raise damaged(file)

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._members

    def moved(self, folder: str, to: str, renamed: Mapping[str, str], instead: Mapping[str, bytes]) -> bytes:
        """The archive with all members of a folder in another one, some of them renamed, and some with other bytes."""
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in self._members:
                place = name.removeprefix(folder) if name.startswith(folder) else None
                new = name if place is None else f"{to}{renamed.get(place, place)}"
                archive.writestr(new, instead[name] if name in instead else self.read(name))
        return buffer.getvalue()

    def replaced(self, instead: Mapping[str, bytes]) -> bytes:
        """The archive with other bytes in some of its members."""
        return self.moved("", "", {}, {_key(name): content for name, content in instead.items()})

    def check(self, *, but: Collection[str] = ()) -> None:
        """Unpack every member, except some that will be read anyway: none may hold more than it says."""
        unchecked = {_key(name) for name in but}
        for name in self._members:
            if name not in unchecked:
                self.read(name)

    def read(self, name: str) -> bytes:
        """The bytes of a member. Raises `WorkbookError` when they are not exactly as many as the directory says.

        The standard library stops at the promised size and trusts a checksum that the file itself brings, while
        other readers go on to the real end: so we unpack it ourselves, up to one byte more than was promised.
        """
        member = self._members[_key(name)]
        start = member.header_offset
        header = self._content[start : start + _LOCAL_HEADER]
        if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
            raise damaged(self._file)
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        start += _LOCAL_HEADER + name_length + extra_length
        packed = self._content[start : start + member.compress_size]
        data = self._unpacked(packed, member.compress_type, member.file_size)
        if len(data) != member.file_size:
            raise damaged(self._file)
        return data

    def _unpacked(self, packed: bytes, method: int, size: int) -> bytes:
        if method == zipfile.ZIP_STORED:
            return packed
        if method != zipfile.ZIP_DEFLATED:
            raise damaged(self._file)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return inflater.decompress(packed, size + 1)
        except zlib.error as error:
            raise damaged(self._file) from error


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
