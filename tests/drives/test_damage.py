"""Cut off, flipped, forged: every damage is found and named, and no file can make the reader misbehave."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard
from mcap.writer import CompressionType, Writer

from liquid_pilot.drives import (
    BrokenDrive,
    DriveVersion,
    DriveWriter,
    Step,
    UnwritableDrive,
    iter_steps,
    read_drive,
    read_info,
    verify,
)
from liquid_pilot.drives import format as drive_format
from liquid_pilot.randomness import generator

READERS = (verify, read_drive, lambda path: list(iter_steps(path)))


@pytest.fixture
def whole(tmp_path, write) -> bytes:
    return write(tmp_path / "whole.mcap", 2, 2, 3).read_bytes()


def test_every_flipped_byte_is_found(tmp_path, whole) -> None:
    """All bytes of a small file, one bit each; the bit changes from byte to byte."""
    path = tmp_path / "flipped.mcap"
    assert len(whole) < 12000
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 1 << (position % 8)
        path.write_bytes(data)
        with pytest.raises((BrokenDrive, DriveVersion)):
            read_drive(path, memory_limit=2**20)
    path.write_bytes(whole)
    assert verify(path).frames == 2


@pytest.mark.parametrize("reader", READERS)
def test_flipped_bytes_in_every_reader(tmp_path, whole, reader) -> None:
    rng = generator(11, "flips")
    for position in rng.integers(0, len(whole), 60):
        data = bytearray(whole)
        data[position] ^= int(rng.integers(1, 256))
        (tmp_path / "flipped.mcap").write_bytes(data)
        with pytest.raises((BrokenDrive, DriveVersion)):
            reader(tmp_path / "flipped.mcap")


@pytest.mark.parametrize("reader", [*READERS, read_info])
def test_every_truncation_is_found(tmp_path, whole, reader) -> None:
    path = tmp_path / "cut.mcap"
    for length in [*range(0, 60), *range(60, len(whole), 97), *range(len(whole) - 60, len(whole))]:
        path.write_bytes(whole[:length])
        with pytest.raises(BrokenDrive) as caught:
            reader(path)
        assert "cut.mcap" in str(caught.value)
        assert "\n" not in str(caught.value)
    path.write_bytes(whole + b"x")
    with pytest.raises(BrokenDrive):
        reader(path)


def test_damage_in_a_chunk_names_chunk_and_frame(tmp_path, write) -> None:
    path = write(tmp_path / "a.mcap", 100, 78, 200)  # 4.7 MB of noise: several chunks
    data = bytearray(path.read_bytes())
    data[len(data) * 6 // 10] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(BrokenDrive, match=r"chunk 2 at byte \d+, from frame 4\d on") as caught:
        read_drive(path)
    assert caught.value.path == path
    assert caught.value.where.startswith("chunk 2")


def test_other_files_are_told_apart(tmp_path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(b"")
    with pytest.raises(BrokenDrive, match="empty"):
        read_info(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(BrokenDrive, match="does not begin as an MCAP"):
        verify(path)
    with path.open("wb") as stream:
        writer = Writer(stream, enable_data_crcs=True)
        writer.start()
        writer.finish()
    for reader in (verify, read_info):
        with pytest.raises(BrokenDrive, match="no drive of liquid-pilot"):
            reader(path)


def test_a_later_format_is_named(tmp_path, write, monkeypatch) -> None:
    path = tmp_path / "a.mcap"
    with monkeypatch.context() as patch:
        patch.setattr(drive_format, "FORMAT", 7)
        write(path, versions={"liquid-pilot": "9.1"})
    for reader in (*READERS, read_info):
        with pytest.raises(DriveVersion, match=r"format 7 \(written by liquid-pilot 9\.1\)") as caught:
            reader(path)
    assert (caught.value.found, caught.value.known) == ("7", 1)


# Forgeries: files whose checksums are all right, made by someone who wants to trip the reader.


def rewrite(path: Path, messages=lambda topic, number, data: data, metadata=lambda entries: entries, **options) -> None:
    """Copy a drive through mcap's own writer with changed messages or metadata and correct checksums."""
    from mcap.reader import make_reader

    source = make_reader(io.BytesIO(path.read_bytes()))
    output = io.BytesIO()
    writer = Writer(output, enable_data_crcs=True, **options)
    writer.start()
    channels: dict[str, int] = {}
    for schema, channel, message in source.iter_messages(log_time_order=False):
        if channel.topic not in channels:
            identifier = writer.register_schema(schema.name, schema.encoding, schema.data)
            channels[channel.topic] = writer.register_channel(channel.topic, channel.message_encoding, identifier)
        data = messages(channel.topic, message.sequence, message.data)
        if data is not None:
            writer.add_message(channels[channel.topic], message.log_time, data, message.publish_time, message.sequence)
    entries = next(iter(source.iter_metadata())).metadata
    changed = metadata({key: text for key, text in entries.items() if key != "sha256"})
    writer.add_metadata("liquid_pilot", {**changed, "sha256": drive_format._digest(changed)})
    writer.finish()
    path.write_bytes(output.getvalue())


def test_the_rewriter_itself_is_harmless(tmp_path, write) -> None:
    path = write(tmp_path / "a.mcap", 3)
    before = read_drive(path)
    rewrite(path, compression=CompressionType.NONE)
    after = read_drive(path)
    assert before.info == after.info
    assert (before.images == after.images).all()


def only(topic: str, number: int, data: bytes | None):
    return lambda t, n, d: data if (t, n) == (topic, number) else d


NESTED = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "change",
    [
        only("/truth", 1, NESTED),
        only("/truth", 1, b'{"x": NaN}'),
        lambda topic, number, data: data.replace(b"-0.0", b"1e999") if topic == "/truth" else data,
        only("/truth", 1, b"[1, 2]"),
        only("/truth", 1, b"{} , {}"),
        only("/truth", 1, b""),
        only("/truth", 2, b"\xff\xfe"),
        only("/truth", 1, None),
        only("/action", 1, b'{"label": {"steering": 0.5}}'),
        only("/action", 1, b'{"label": {"steering": 1e999, "acceleration": 0.0}, "applied": {}}'),
        only("/action", 0, b'{"label": 3, "applied": null}'),
        only("/observation", 1, b'{"time": "now", "speed": 1.0, "elapsed": 1.0}'),
        only("/observation", 1, b'{"speed": 1.0, "elapsed": 1.0}'),
        only("/observation", 1, b'{"time": 0.05, "speed": ' + b"9" * 5000 + b', "elapsed": 1.0}'),
        only("/camera/front", 1, b"\xff" * 40),
        only("/camera/front", 1, b""),
        only("/camera/front", 2, None),
    ],
)  # fmt: skip
def test_forged_messages(tmp_path, write, change) -> None:
    path = write(tmp_path / "a.mcap", 3)
    rewrite(path, messages=change)
    for reader in READERS:
        with pytest.raises(BrokenDrive):
            reader(path)


@pytest.mark.parametrize(
    "change",
    [
        {"frames": "2"},
        {"frames": "4"},
        {"frames": "1000000000000"},
        {"frames": "-1"},
        {"frames": '"many"'},
        {"image_size": "[6, 9]"},
        {"image_size": "[1000000, 1000000]"},
        {"image_size": "[6]"},
        {"action_names": "[]"},
        {"action_names": '["steering", "throttle"]'},
        {"scenario": "3"},
        {"seed": "1e400"},
        {"versions": "[" * 100_000},
        {"format": "one"},
    ],
)
def test_forged_headers(tmp_path, write, change) -> None:
    path = write(tmp_path / "a.mcap", 3)
    rewrite(path, metadata=lambda entries: {**entries, **change})
    with pytest.raises(BrokenDrive):
        read_drive(path)
    rewritten = write(tmp_path / "b.mcap", 3)
    rewrite(rewritten, metadata=lambda entries: {key: text for key, text in entries.items() if key not in change})
    with pytest.raises((BrokenDrive, DriveVersion)):
        read_info(rewritten)


def test_an_image_that_was_exchanged_after_the_recording(tmp_path, write, steps) -> None:
    """Both CRCs are right; only the digest, taken before the file was written, knows."""
    path = write(tmp_path / "a.mcap", 3)
    original = steps(3)[1].image
    forged = np.ascontiguousarray(original[::-1]).tobytes()
    rewrite(path, messages=lambda topic, number, data: data.replace(original.tobytes(), forged))
    read_drive(path)
    with pytest.raises(BrokenDrive, match=r"SHA-256.*frame 1"):
        verify(path)


def test_a_truth_that_was_exchanged_after_the_recording(tmp_path, write) -> None:
    path = write(tmp_path / "a.mcap", 3)
    rewrite(path, messages=lambda topic, number, data: data.replace(b"-0.0", b"0.0") if topic == "/truth" else data)
    with pytest.raises(BrokenDrive, match=r"truth.*SHA-256.*frame 0"):
        verify(path)


def bomb(claimed: int, real: int) -> bytes:
    """An MCAP file with one chunk that claims ``claimed`` bytes and unpacks to ``real``."""

    def record(opcode: int, body: bytes) -> bytes:
        return struct.pack("<BQ", opcode, len(body)) + body

    packed = zstandard.ZstdCompressor(level=19).compress(bytes(real))
    magic = b"\x89MCAP0\r\n"
    chunk = struct.pack("<QQQII", 0, 0, claimed, 0, 4) + b"zstd" + struct.pack("<Q", len(packed)) + packed
    data = magic + record(1, struct.pack("<II", 0, 0)) + record(6, chunk)
    entries = drive_format.encode_info(replace(INFO_FOR_BOMB, frames=1, image_size=(2, 2)))
    text = b"".join(struct.pack("<I", len(part.encode())) + part.encode() for item in entries.items() for part in item)
    name = drive_format.METADATA_NAME.encode()
    data += record(12, struct.pack("<I", len(name)) + name + struct.pack("<I", len(text)) + text)
    end = record(15, struct.pack("<I", zlib.crc32(data)))
    start = len(data) + len(end)
    footer = struct.pack("<BQQQ", 2, 20, start, 0)
    return data + end + footer + struct.pack("<I", zlib.crc32(footer)) + magic


INFO_FOR_BOMB = drive_format.DriveInfo(
    "driving", {}, "bomb", 0, 0, "expert", ("steering",), 20.0, {"liquid-pilot": "0.1.0"}
)


@pytest.mark.parametrize(("claimed", "real"), [(1000, 2**28), (2**28, 2**28), (2**63, 1000), (500, 1000)])
def test_a_decompression_bomb_does_not_explode(tmp_path, claimed, real) -> None:
    import resource

    path = tmp_path / "bomb.mcap"
    path.write_bytes(bomb(claimed, real))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for reader in READERS:
        with pytest.raises(BrokenDrive, match="chunk 0"):
            reader(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 64 * 1024  # KiB; the bomb is 256 MiB


def test_a_record_that_claims_terabytes(tmp_path, whole) -> None:
    data = bytearray(whole)
    data[9:17] = struct.pack("<Q", 2**60)
    (tmp_path / "a.mcap").write_bytes(data)
    with pytest.raises(BrokenDrive, match="length"):
        verify(tmp_path / "a.mcap")


def test_a_damaged_header_is_seen_without_reading_the_frames(tmp_path, whole) -> None:
    position = whole.index(b"bends-1")
    data = bytearray(whole)
    data[position] ^= 1
    (tmp_path / "a.mcap").write_bytes(data)
    with pytest.raises(BrokenDrive, match="digest"):
        read_info(tmp_path / "a.mcap")


def add_all(drive: DriveWriter, steps: list[Step]) -> None:
    for step in steps:
        drive.add(step)


def test_a_full_disk_is_named(tmp_path, info, steps) -> None:
    """/dev/full refuses every byte; the writer says so and leaves nothing."""
    drive = DriveWriter(tmp_path / "a.mcap", info)
    drive._stream.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        drive._mcap._stream = full
        with pytest.raises(UnwritableDrive, match="No space left"):
            add_all(drive, steps(200, 40, 200))
    drive.discard()
    assert list(tmp_path.iterdir()) == []
