"""A strict reader of the MCAP container, for files that may be damaged or made by a stranger.

The library's own reader is not used: it does not check the end of a file, believes the sizes that a file claims (a
few bytes can ask it for gigabytes) and reports damage as whatever exception happens to come out of the decoding. Here
every byte is covered: the data section and the summary by their CRC-32, the few bytes outside of both by the structure.
Format: https://mcap.dev/spec.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard

from liquid_pilot.drives.errors import BrokenDrive
from liquid_pilot.drives.format import MAX_CHUNK_BYTES, MAX_METADATA_BYTES, MAX_RECORD_BYTES, METADATA_NAME

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
CHUNK_INDEX, ATTACHMENT, ATTACHMENT_INDEX, STATISTICS, METADATA, METADATA_INDEX = 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D
SUMMARY_OFFSET, DATA_END = 0x0E, 0x0F

_DATA_SECTION = {SCHEMA, CHANNEL, CHUNK, MESSAGE_INDEX, ATTACHMENT, METADATA}
_SUMMARY = {SCHEMA, CHANNEL, CHUNK_INDEX, ATTACHMENT_INDEX, STATISTICS, METADATA_INDEX, SUMMARY_OFFSET}
_RECORD = struct.Struct("<BQ")
_FOOTER = struct.Struct("<QQI")
_CHUNK = struct.Struct("<QQQII")  # first and last time, uncompressed size and CRC, length of the compression's name
_END_BYTES = _RECORD.size + _FOOTER.size + len(MAGIC)


@dataclass(frozen=True)
class ChunkPlace:
    """Where a chunk lies: its number from 0, the offset of its record in the file, and the length of its body."""

    number: int
    offset: int
    length: int

    def __str__(self) -> str:
        return f"chunk {self.number} at byte {self.offset}"


@dataclass
class Layout:
    """What the front-to-back pass over a file found."""

    path: Path
    chunks: list[ChunkPlace] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    data_damaged: bool = False
    """The CRC-32 of the data section does not match: look for the chunk that it is."""


def parse_text(data: bytes, at: int) -> tuple[str, int]:
    """A length-prefixed text at ``at`` and the offset behind it; raises ValueError or struct.error."""
    (length,) = struct.unpack_from("<I", data, at)
    at += 4
    if length > len(data) - at:
        raise ValueError("a text runs over the end of its record")
    return data[at : at + length].decode(), at + length


def parse_metadata(data: bytes) -> tuple[str, dict[str, str]]:
    """Name and entries of a Metadata record's body; raises ValueError or struct.error."""
    name, at = parse_text(data, 0)
    (length,) = struct.unpack_from("<I", data, at)
    at += 4
    if at + length != len(data):
        raise ValueError("the entries do not fill the record")
    entries: dict[str, str] = {}
    while at < len(data):
        key, at = parse_text(data, at)
        entries[key], at = parse_text(data, at)
    return name, entries


def scan(stream: BinaryIO, path: Path) -> Layout:
    """Read the whole file once, check its structure and both CRCs, and note where the chunks are.

    A wrong CRC of the data section is only noted (``data_damaged``), so that the caller can name the chunk; everything
    else that is wrong raises `BrokenDrive`.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    layout = Layout(path)
    start = stream.read(len(MAGIC))
    if start != MAGIC:
        what = "the file is empty" if size == 0 else "the file does not begin as an MCAP file does"
        raise BrokenDrive(path, what, "byte 0")
    position, number, crc = len(MAGIC), 0, zlib.crc32(start)
    while True:
        opcode, length, header = _record_header(stream, path, position, size)
        body = stream.read(length)
        where = f"record {number} at byte {position}"
        if number == 0 and opcode != HEADER:
            raise BrokenDrive(path, "the first record is no header", where)
        if opcode == DATA_END:
            if length != 4:
                raise BrokenDrive(path, "the end of the data has a wrong length", where)
            layout.data_damaged = struct.unpack("<I", body)[0] != crc
            break
        if number > 0 and opcode not in _DATA_SECTION:
            raise BrokenDrive(path, f"a record of the unknown kind {opcode}", where)
        if opcode == CHUNK:
            layout.chunks.append(ChunkPlace(len(layout.chunks), position, length))
        elif opcode == METADATA:
            try:
                name, entries = parse_metadata(body)
            except (ValueError, struct.error) as error:
                raise BrokenDrive(path, f"a metadata record cannot be read: {error}", where) from error
            layout.metadata[name] = entries
        crc = zlib.crc32(body, zlib.crc32(header, crc))
        position += _RECORD.size + length
        number += 1
    _check_summary(stream, path, position + _RECORD.size + 4, size)
    return layout


def _record_header(stream: BinaryIO, path: Path, position: int, size: int) -> tuple[int, int, bytes]:
    """Opcode, length and the nine bytes themselves; the record is known to fit into the file and into the bounds."""
    header = stream.read(_RECORD.size)
    if len(header) < _RECORD.size:
        raise BrokenDrive(path, f"the file is cut off after {size} bytes", f"byte {position}")
    opcode, length = _RECORD.unpack(header)
    if length > size - position - _RECORD.size:
        raise BrokenDrive(path, "the file is cut off, or a record's length is damaged", f"byte {position}")
    if length > (MAX_METADATA_BYTES if opcode == METADATA else MAX_RECORD_BYTES):
        raise BrokenDrive(path, f"a record of {length} bytes, more than any drive has", f"byte {position}")
    return opcode, length, header


def _check_summary(stream: BinaryIO, path: Path, start: int, size: int) -> bytes:
    """The summary section between ``start`` and the footer, checked: CRC, footer, end of file."""
    if size - start < _END_BYTES:
        raise BrokenDrive(path, "the file is cut off before its end mark", f"byte {size}")
    if size - start - _END_BYTES > MAX_RECORD_BYTES:
        raise BrokenDrive(path, "a summary larger than any drive has", f"byte {start}")
    stream.seek(start)
    summary = stream.read(size - start - _END_BYTES)
    footer = stream.read(_RECORD.size + _FOOTER.size)
    if stream.read(len(MAGIC)) != MAGIC:
        raise BrokenDrive(path, "the file is cut off, or bytes follow its end mark", f"byte {size - len(MAGIC)}")
    opcode, length = _RECORD.unpack_from(footer)
    summary_start, _, crc = _FOOTER.unpack_from(footer, _RECORD.size)
    if opcode != FOOTER or length != _FOOTER.size or summary_start != start:
        raise BrokenDrive(path, "the footer is damaged", f"byte {size - _END_BYTES}")
    if zlib.crc32(footer[:-4], zlib.crc32(summary)) != crc:
        raise BrokenDrive(path, "the summary does not match its checksum", f"bytes {start} to {size - len(MAGIC)}")
    return summary


def _records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Opcode, offset and length of the bodies of the records in ``data``; raises ValueError when one does not fit."""
    at = 0
    while at < len(data):
        if len(data) - at < _RECORD.size:
            raise ValueError("a record is cut off")
        opcode, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if length > len(data) - at:
            raise ValueError("a record runs over the end")
        yield opcode, at, length
        at += length


def read_metadata(stream: BinaryIO, path: Path) -> dict[str, str]:
    """Our metadata record's entries by way of the summary, without reading the frames; raises `BrokenDrive`."""
    size = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(len(MAGIC)) != MAGIC or size < len(MAGIC) + _END_BYTES:
        what = "the file is empty" if size == 0 else "the file does not begin as an MCAP file does"
        raise BrokenDrive(path, what, "byte 0")
    stream.seek(size - len(MAGIC) - _FOOTER.size)
    start, _, _ = _FOOTER.unpack(stream.read(_FOOTER.size))
    if stream.read(len(MAGIC)) != MAGIC or start > size - _END_BYTES:
        raise BrokenDrive(path, "the file is cut off, or its end is damaged", f"byte {size - len(MAGIC)}")
    summary = _check_summary(stream, path, start, size)
    try:
        for opcode, at, length in _records(summary):
            if opcode != METADATA_INDEX:
                continue
            offset, total = struct.unpack_from("<QQ", summary, at)
            if parse_text(summary[at : at + length], 16)[0] != METADATA_NAME:
                continue
            if total > MAX_METADATA_BYTES or offset + total > size or total < _RECORD.size:
                raise ValueError("the metadata record lies outside of the file")
            stream.seek(offset)
            opcode, body_length = _RECORD.unpack(stream.read(_RECORD.size))
            if opcode != METADATA or body_length != total - _RECORD.size:
                raise ValueError("there is no metadata record where the index says")
            return parse_metadata(stream.read(body_length))[1]
    except (ValueError, struct.error) as error:
        raise BrokenDrive(path, f"the header cannot be read: {error}", f"summary at byte {start}") from error
    raise BrokenDrive(path, f"this MCAP file is no drive of liquid-pilot: it has no metadata '{METADATA_NAME}'")


def read_chunk(stream: BinaryIO, path: Path, place: ChunkPlace, check_crc: bool) -> bytes:
    """The decompressed records of a chunk; raises `BrokenDrive` naming the chunk.

    ``check_crc`` may be False only when the CRC of the whole data section was found right.
    """
    stream.seek(place.offset + _RECORD.size)
    body = stream.read(place.length)
    try:
        _, _, size, crc, name_length = _CHUNK.unpack_from(body)
        at = _CHUNK.size + name_length
        compression = body[_CHUNK.size : at]
        (length,) = struct.unpack_from("<Q", body, at)
        packed = memoryview(body)[at + 8 :]
        if length != len(packed) or size > MAX_CHUNK_BYTES:
            raise ValueError("impossible sizes")
        if compression == b"zstd":
            # The frame's own claim is checked first, because the decompressor would trust it above any limit.
            if zstandard.frame_content_size(packed) != size:
                raise ValueError("the compressed data is of another size than announced")
            data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
        elif compression == b"":
            data = bytes(packed)
        else:
            raise ValueError(f"unknown compression {compression!r}")
        if len(data) != size:
            raise ValueError("the data is of another size than announced")
        if check_crc and zlib.crc32(data) != crc:
            raise ValueError("the data does not match its checksum")
    except (ValueError, struct.error, zstandard.ZstdError) as error:
        raise BrokenDrive(path, f"a damaged chunk: {error}", str(place)) from error
    return data


def chunk_records(data: bytes, path: Path, place: ChunkPlace) -> Iterator[tuple[int, int, int]]:
    """Opcode, offset and length of each record in a chunk's data; raises `BrokenDrive` when one does not fit."""
    try:
        yield from _records(data)
    except ValueError as error:
        raise BrokenDrive(path, f"a damaged chunk: {error}", str(place)) from error
