"""Output folders: what is taken, what is resumed, what is refused, and what is left behind after an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch.errors import FolderInUse, OutputNotWritable
from launch.folder import fingerprint, open_output

JOB = {"command": "record", "seed": 7, "scenarios": ("a", "b"), "version": "0.1.0"}


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_new_then_resumed_then_finished(tmp_path) -> None:
    out = tmp_path / "drives" / "mine"
    with open_output(out, JOB, owns=["*.mcap"]) as folder:
        assert (folder.resumed, folder.already_finished) == (False, False)
        (out / "a.mcap").write_text("one")
        (out / "b.mcap.1.partial").write_text("half")
    with open_output(out, dict(reversed(JOB.items())), owns=["*.mcap"]) as folder:
        assert (folder.resumed, folder.already_finished) == (True, False)
        assert contents(out) == ["a.mcap", "job.json"]  # the half one is gone
        folder.finish(episodes=1)
    with open_output(out, JOB, owns=["*.mcap"]) as folder:
        assert (folder.resumed, folder.already_finished) == (False, True)
    job = json.loads((out / "job.json").read_text())
    assert job["results"] == {"episodes": 1}
    assert job["finished"] is True
    assert job["job"]["scenarios"] == ["a", "b"]


def test_an_empty_folder_will_do_and_survives_an_error(tmp_path) -> None:
    out = tmp_path / "empty"
    out.mkdir()
    (out / "job.json.99.partial").write_text("{")  # killed while the job was described
    with pytest.raises(RuntimeError), open_output(out, JOB):
        raise RuntimeError
    assert out.is_dir()
    with open_output(out, JOB) as folder:
        assert not folder.already_finished
    assert contents(out) == ["job.json"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda out: (out / "holiday.jpg").write_text("x"), r"not empty \(holiday\.jpg"),
        (lambda out: (out / "film.partial").write_text("x"), r"not empty \(film\.partial"),
        (lambda out: (out / "job.json").write_text("not json"), "not written by liquid-pilot"),
        (lambda out: (out / "job.json").write_text("[" * 100_000), "not written by liquid-pilot"),
        (lambda out: (out / "job.json").write_text("[]"), "not written by liquid-pilot"),
        (lambda out: (out / "job.json").write_text("{}"), "another command"),
    ],
)
def test_a_folder_of_somebody_else_is_left_alone(tmp_path, prepare, message) -> None:
    prepare(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FolderInUse, match=message) as caught:
        open_output(tmp_path, JOB)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 8}, "seed there: 7, here: 8"),
        ({"command": "train"}, 'command there: "record", here: "train"'),
        ({"version": "0.2.0"}, "version there"),
        ({"more": True}, "more there: nothing, here: true"),
    ],
)
def test_another_command_is_refused_and_the_difference_named(tmp_path, change, message) -> None:
    out = tmp_path / "out"
    with open_output(out, JOB) as folder:
        folder.finish()
    before = (out / "job.json").read_bytes()
    with pytest.raises(FolderInUse, match=message):
        open_output(out, {**JOB, **change})
    assert (out / "job.json").read_bytes() == before


def test_a_strange_file_in_our_folder_is_refused(tmp_path) -> None:
    out = tmp_path / "out"
    with open_output(out, JOB, owns=["*.mcap"]):
        (out / "thesis.docx").write_text("years of work")
    with pytest.raises(FolderInUse, match=r"thesis\.docx does not belong"):
        open_output(out, JOB, owns=["*.mcap"])


def test_a_job_json_that_was_changed_by_hand(tmp_path) -> None:
    with open_output(tmp_path / "out", JOB):
        pass
    path = tmp_path / "out" / "job.json"
    path.write_text(path.read_text().replace(fingerprint({**JOB, "scenarios": ["a", "b"]}), "0" * 64))
    with pytest.raises(FolderInUse, match="changed"):
        open_output(tmp_path / "out", JOB)


def fail_after_writing(out: Path, name: str) -> None:
    with open_output(out, JOB):
        (out / name).write_text("x")
        raise RuntimeError


def test_an_error_before_any_work_leaves_nothing(tmp_path) -> None:
    out = tmp_path / "new" / "deep" / "out"
    with pytest.raises(RuntimeError):
        fail_after_writing(out, "half.mcap.3.partial")
    assert contents(tmp_path) == []


def test_an_error_after_some_work_keeps_it(tmp_path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RuntimeError):
        fail_after_writing(out, "a.mcap")
    with open_output(out, JOB) as folder:
        assert folder.resumed
    assert contents(out) == ["a.mcap", "job.json"]


def test_two_at_once(tmp_path) -> None:
    out = tmp_path / "out"
    with open_output(out, JOB):
        with pytest.raises(FolderInUse, match="another process is at work"):
            open_output(out, JOB)
        code = f"from launch.folder import open_output; open_output({str(out)!r}, {{}})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "another process is at work" in other.stderr
        assert contents(out) == ["job.json"]
    with open_output(out, JOB) as folder:
        assert folder.resumed


def test_a_file_in_the_way(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderInUse, match="this is a file"):
        open_output(tmp_path / "file", JOB)
    with pytest.raises(OutputNotWritable, match="file stands where a folder"):
        open_output(tmp_path / "file" / "below", JOB)
    assert contents(tmp_path) == ["file"]


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 64 KiB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_no_space_left_is_named_and_leaves_nothing(small_disk) -> None:
    (small_disk / "filler").write_bytes(bytes(60 * 1024))
    with pytest.raises(OutputNotWritable, match="no space left"):
        open_output(small_disk / "out", {**JOB, "long": "x" * 20_000})
    assert contents(small_disk) == ["filler"]


def test_a_read_only_disk_is_named(small_disk) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputNotWritable, match="read-only"):
        open_output(small_disk / "out", JOB)


def test_no_permission_is_named(tmp_path) -> None:
    """Root may write everywhere, so the test becomes somebody else in a process of its own."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.geteuid() != 0:
        with pytest.raises(OutputNotWritable, match="no permission"):
            open_output(folder / "out", JOB)
        return
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    code = f"""
import os
from launch.folder import open_output
os.setuid(65534)
open_output({str(folder / "out")!r}, {{}})
"""
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "OutputNotWritable" in other.stderr
    assert "no permission" in other.stderr
