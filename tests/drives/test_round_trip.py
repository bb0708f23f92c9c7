"""What goes in comes out to the last bit, for us and for the library's own reader."""

from __future__ import annotations

import io
import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import zstandard
from foxglove_schemas_protobuf.RawImage_pb2 import RawImage
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Chunk, MessageIndex, SummaryOffset
from mcap.stream_reader import StreamReader

from liquid_pilot.drives import (
    BadStep,
    BrokenDrive,
    DriveInfo,
    DriveNotFound,
    DriveTooLarge,
    DriveVersion,
    DriveWriter,
    Step,
    UnwritableDrive,
    image_digest,
    iter_steps,
    read_drive,
    read_info,
    state_digest,
    verify,
)


def bits(value: float) -> bytes:
    return np.float64(value).tobytes()


def test_everything_comes_back_to_the_last_bit(tmp_path, write, steps, info) -> None:
    path = write(tmp_path / "a.mcap", 60, 40, 200)  # 1.4 MB: more than one chunk
    expected = steps(60, 40, 200)
    drive = read_drive(path)
    assert drive.images.shape == (60, 40, 200, 3)
    assert drive.images.dtype == np.uint8
    assert (drive.images == np.stack([step.image for step in expected])).all()
    assert drive.action.tobytes() == np.stack([step.action for step in expected]).tobytes()
    assert drive.applied.tobytes() == np.stack([step.applied for step in expected]).tobytes()
    assert drive.times.tolist() == [step.time for step in expected]
    assert drive.speed.tolist() == [step.observation["speed"] for step in expected]
    assert drive.elapsed.tolist() == [step.observation["elapsed"] for step in expected]
    assert set(drive.observation) == {"speed", "elapsed"}
    for key in ("x", "y", "cross_track_error"):
        assert drive.truth[key].tobytes() == b"".join(bits(step.truth[key]) for step in expected), key
    assert drive.truth["lane_invasion"].dtype == np.bool_
    assert drive.truth["clipped_actions"].dtype == np.int64
    assert drive.truth["clipped_actions"].tolist() == [step.truth["clipped_actions"] for step in expected]
    assert drive.info == replace(
        info,
        options={"reset": {"start": {"position_m": 12.345678901234567, "speed": 7.1}}},
        image_size=(40, 200),
        frames=60,
        duration=0.05 * 59,
        end="completed",
        success=True,
    )


def test_info_steps_and_arrays_agree(tmp_path, write, steps) -> None:
    path = write(tmp_path / "a.mcap", 9)
    assert read_info(path) == read_drive(path).info == verify(path)
    again = list(iter_steps(path))
    assert len(again) == 9
    for one, other in zip(again, steps(9), strict=True):
        assert (one.image == other.image).all()
        assert one.time == other.time
        assert dict(one.observation) == dict(other.observation)
        assert one.action.tobytes() == other.action.tobytes()
        assert one.applied.tobytes() == other.applied.tobytes()
        assert one.truth == other.truth
    assert not read_drive(path, truth=False).truth


def test_the_same_steps_give_the_same_bytes(tmp_path, write) -> None:
    assert write(tmp_path / "a.mcap", 7).read_bytes() == write(tmp_path / "b.mcap", 7).read_bytes()


def test_the_library_reads_it_as_it_is(tmp_path, write, steps) -> None:
    """Independent reference: mcap's readers with all their checks, and the descriptor that travels in the file."""
    path = write(tmp_path / "a.mcap", 30, 40, 200)
    with path.open("rb") as stream:
        assert sum(1 for _ in StreamReader(stream, validate_crcs=True).records) > 120
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        topics = {channel.topic: channel.message_encoding for channel in summary.channels.values()}
        assert topics == {"/camera/front": "protobuf", "/observation": "json", "/action": "json", "/truth": "json"}
        assert summary.statistics.message_count == 120
        assert {schema.encoding for schema in summary.schemas.values()} == {"protobuf", "jsonschema"}
        seen = 0
        for (schema, _, message), step in zip(
            reader.iter_messages(topics=["/camera/front"]), steps(30, 40, 200), strict=True
        ):
            assert schema.name == "foxglove.RawImage"
            files = descriptor_pb2.FileDescriptorSet.FromString(schema.data)
            pool = descriptor_pool.DescriptorPool()
            for file in files.file:
                pool.Add(file)
            image = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name)).FromString(message.data)
            assert (image.encoding, image.height, image.width, image.step) == ("rgb8", 40, 200, 600)
            assert image.data == step.image.tobytes()
            assert message.log_time == message.publish_time == image.timestamp.ToNanoseconds() == round(step.time * 1e9)
            seen += 1
        assert seen == 30
        for schema, channel, message in reader.iter_messages(topics=["/observation", "/action", "/truth"]):
            value = json.loads(message.data)
            assert set(value) == set(json.loads(schema.data)["properties"]), channel.topic
        metadata = {record.name: record.metadata for record in reader.iter_metadata()}
        assert json.loads(metadata["liquid_pilot"]["scenario"])["road"] == {"map": "bends-1"}


def test_every_index_points_where_it_says(tmp_path, write) -> None:
    """Viewers jump by these; parsed with the library's records, followed by hand."""
    path = write(tmp_path / "a.mcap", 60, 40, 200)
    data = path.read_bytes()
    with path.open("rb") as stream:
        records = list(StreamReader(stream, emit_chunks=True, validate_crcs=True).records)
        stream.seek(0)
        summary = make_reader(stream).get_summary()
    chunks = [record for record in records if isinstance(record, Chunk)]
    assert len(chunks) == len(summary.chunk_indexes) == 2
    pointed = 0
    for chunk, index in zip(chunks, summary.chunk_indexes, strict=True):
        assert data[index.chunk_start_offset] == Opcode.CHUNK
        (length,) = struct.unpack_from("<Q", data, index.chunk_start_offset + 1)
        assert index.chunk_length == length + 9
        assert (index.compressed_size, index.uncompressed_size) == (len(chunk.data), chunk.uncompressed_size)
        assert (index.message_start_time, index.message_end_time) == (chunk.message_start_time, chunk.message_end_time)
        content = zstandard.decompress(chunk.data)
        assert sum(9 + struct.unpack_from("<Q", data, at + 1)[0] for at in index.message_index_offsets.values()) == (
            index.message_index_length
        )
        for channel, at in index.message_index_offsets.items():
            stream = ReadDataStream(io.BytesIO(data[at:]))
            assert stream.read1() == Opcode.MESSAGE_INDEX
            stream.read8()
            entries = MessageIndex.read(stream)
            assert entries.channel_id == channel
            for time, offset in entries.records:
                opcode, _, found, _, log_time, _ = struct.unpack_from("<BQHIQQ", content, offset)
                assert (opcode, found, log_time) == (Opcode.MESSAGE, channel, time)
                pointed += 1
    assert pointed == summary.statistics.message_count == 240
    assert set(summary.statistics.channel_message_counts.values()) == {60}
    assert (summary.statistics.message_start_time, summary.statistics.message_end_time) == (0, 2_950_000_000)
    assert summary.statistics.chunk_count == 2
    offsets = [record for record in records if isinstance(record, SummaryOffset)]
    assert [offset.group_opcode for offset in offsets] == [3, 4, 11, 8, 13]
    for offset in offsets:
        assert data[offset.group_start] == offset.group_opcode
        assert data[offset.group_start + offset.group_length] != offset.group_opcode


def test_digests_are_of_the_images_and_the_states(tmp_path, write, steps) -> None:
    with write(tmp_path / "a.mcap", 3).open("rb") as stream:
        for (_, _, message), step in zip(make_reader(stream).iter_messages(["/observation"]), steps(3), strict=True):
            value = json.loads(message.data)
            assert value["image_sha256"] == image_digest(step.image)
            assert value["state_sha256"] == state_digest(step.truth)


def test_a_digest_sees_the_last_bit() -> None:
    assert state_digest({"a": 1.0, "b": 2}) == state_digest({"b": 2, "a": 1.0})
    assert state_digest({"a": 1.0}) != state_digest({"a": float(np.nextafter(1.0, 2.0))})
    assert state_digest({"a": 0.0}) != state_digest({"a": -0.0})


@pytest.mark.parametrize("fail_at", [0, 3])
def test_an_exception_leaves_nothing(tmp_path, info, steps, fail_at) -> None:
    folder = tmp_path / "drives"

    def record() -> None:
        with DriveWriter(folder / "a.mcap", info) as drive:
            for step in steps(5)[:fail_at]:
                drive.add(step)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        record()
    assert list(folder.iterdir()) == []


def test_what_is_not_finished_does_not_exist(tmp_path, info, steps) -> None:
    with DriveWriter(tmp_path / "a.mcap", info) as drive:
        drive.add(steps(1)[0])
        assert [file.suffix for file in tmp_path.iterdir()] == [".partial"]
    assert list(tmp_path.iterdir()) == []


def test_no_frames_are_no_drive(tmp_path, info) -> None:
    with pytest.raises(BadStep, match="no frames"), DriveWriter(tmp_path / "a.mcap", info) as drive:
        drive.finish("completed", True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda step: replace(step, image=step.image[:, :-1]), r"\(6, 7, 3\)"),
        (lambda step: replace(step, image=step.image.astype(np.float32)), "float32"),
        (lambda step: replace(step, time=0.0), "does not follow"),
        (lambda step: replace(step, time=float("nan")), "does not follow"),
        (lambda step: replace(step, action=np.float32([0.0])), r"shape \(1,\)"),
        (lambda step: replace(step, applied=np.float32([0.0, np.nan])), "not finite"),
        (lambda step: replace(step, truth={**step.truth, "x": float("inf")}), "x = inf"),
        (lambda step: replace(step, truth={"x": 1.0}), "other keys"),
        (lambda step: replace(step, observation={"speed": 1.0}), "elapsed"),
    ],
)
def test_a_bad_step_is_refused_and_named(tmp_path, info, steps, change: Callable[[Step], Step], message: str) -> None:
    first, second = steps(2)
    with DriveWriter(tmp_path / "a.mcap", info) as drive:
        drive.add(first)
        with pytest.raises(BadStep, match=message) as caught:
            drive.add(change(second))
        assert caught.value.frame == 1
        drive.add(second)  # a refused step leaves no trace
        drive.finish("completed", True)
    assert verify(tmp_path / "a.mcap").frames == 2


def test_text_in_the_truth_is_refused(tmp_path, info, steps) -> None:
    step = steps(1)[0]
    with (
        DriveWriter(tmp_path / "a.mcap", info) as drive,
        pytest.raises(BadStep, match="only float, int and bool"),
    ):
        drive.add(replace(step, truth={"end": ""}))


def test_memory_limit(tmp_path, write) -> None:
    path = write(tmp_path / "a.mcap", 5)
    with pytest.raises(DriveTooLarge, match="iter_steps"):
        read_drive(path, memory_limit=100)


def test_missing_file_and_folder_instead_of_file(tmp_path) -> None:
    for function in (read_info, read_drive, verify):
        with pytest.raises(DriveNotFound, match=r"no\.mcap"):
            function(tmp_path / "no.mcap")
        with pytest.raises(BrokenDrive, match="cannot be opened"):
            function(tmp_path)


def test_a_file_in_the_way_is_named(tmp_path, info) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnwritableDrive, match=r"file/a\.mcap: cannot write"):
        DriveWriter(tmp_path / "file" / "a.mcap", info)


@pytest.mark.parametrize(
    "error",
    [BrokenDrive("a", "what", "where"), DriveVersion("a", "2", 1, "9"), BadStep(3, "x"), UnwritableDrive("a", "full")],
)
def test_errors_travel_between_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
    assert "\n" not in str(error)


def test_metadata_that_is_no_json_fails_before_the_first_frame(tmp_path, info: DriveInfo) -> None:
    with pytest.raises(TypeError, match="metadata"):
        DriveWriter(tmp_path / "a.mcap", replace(info, options={"x": object()}))
    assert list(tmp_path.iterdir()) == []


def test_the_raw_image_of_the_schema_package_is_the_one_in_the_file() -> None:
    assert RawImage.DESCRIPTOR.full_name == "foxglove.RawImage"
