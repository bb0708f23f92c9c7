"""Folders: which files count as drives, and which drives belong together."""

from __future__ import annotations

import pytest

from liquid_pilot.drives import DriveNotFound, EmptyDrives, MixedDrives, find_drives, read_infos


def test_finished_drives_in_order(tmp_path, write) -> None:
    for name in ("b-000001", "a-000010", "a-000002"):
        write(tmp_path / f"{name}.mcap")
    (tmp_path / "a-000003.mcap.77.partial").write_bytes(b"half")
    (tmp_path / "job.json").write_text("{}")
    assert [path.stem for path in find_drives(tmp_path)] == ["a-000002", "a-000010", "b-000001"]
    assert find_drives(tmp_path / "b-000001.mcap") == [tmp_path / "b-000001.mcap"]
    assert len(read_infos(find_drives(tmp_path))) == 3


def test_nothing_to_find(tmp_path) -> None:
    with pytest.raises(EmptyDrives, match="no finished drives"):
        find_drives(tmp_path)
    with pytest.raises(DriveNotFound):
        find_drives(tmp_path / "missing")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"versions": {"liquid-pilot": "0.2.0"}}, "liquid-pilot version"),
        ({"action_names": ("steering", "brake")}, "action names"),
        ({"height": 7}, "image size"),
        ({"control_hz": 10.0}, "control hz"),
        ({"kind": "drone"}, "kind"),
    ],
)
def test_mixed_drives_name_the_difference_and_both_files(tmp_path, write, change, field) -> None:
    write(tmp_path / "a.mcap")
    write(tmp_path / "b.mcap", **change)
    with pytest.raises(MixedDrives, match=rf"mixed drives: .*{field} is .* in a\.mcap but .* in b\.mcap"):
        read_infos(find_drives(tmp_path))
