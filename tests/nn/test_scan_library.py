"""A library that is missing, cut off, foreign or unwanted is named, and the torch path takes over."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from launch import doctor
from liquid_pilot.nn import LTC, ncp19
from liquid_pilot.nn.errors import KernelChoice, KernelCorrupt, KernelMissing, KernelUnavailable, KernelVersion
from liquid_pilot.nn.scan import library
from liquid_pilot.nn.scan.library import ABI, PATH, VARIABLE, Library, active, found, load

needs_library = pytest.mark.skipif(not isinstance(found(), Library), reason=f"no fused scan here: {found()}")


@pytest.fixture(autouse=True)
def _unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def note(path: Path, abi: int = ABI) -> None:
    text = json.dumps({"abi": abi, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    path.with_suffix(".json").write_text(text)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for suffix in (".so", ".json"):
        shutil.copyfile(library.PATH.with_suffix(suffix), tmp_path / f"liquid_scan{suffix}")
    return tmp_path / "liquid_scan.so"


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "found", lambda: KernelMissing("it was not built: install a C compiler"))
    library._say_once.cache_clear()


@needs_library
def test_a_whole_library_loads(copy: Path) -> None:
    assert load(copy).all_instructions == load(PATH).all_instructions


@needs_library
def test_missing(copy: Path) -> None:
    copy.unlink()
    with pytest.raises(KernelMissing, match="compiler"):
        load(copy)


@needs_library
@pytest.mark.parametrize("size", [0, 100, 5000, -1])
def test_truncated(copy: Path, size: int) -> None:
    copy.write_bytes(copy.read_bytes()[:size])
    with pytest.raises(KernelCorrupt, match="cut off"):
        load(copy)


@needs_library
def test_not_a_library(copy: Path) -> None:
    copy.write_text("not a library")
    note(copy)
    with pytest.raises(KernelCorrupt, match="cannot be loaded"):
        load(copy)
    copy.with_suffix(".json").write_text("[")
    with pytest.raises(KernelCorrupt, match="cannot be read"):
        load(copy)
    copy.with_suffix(".json").write_text("3")
    with pytest.raises(KernelCorrupt, match="cannot be read"):
        load(copy)


@needs_library
def test_of_another_version(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(copy, ABI + 1)
    with pytest.raises(KernelVersion, match=f"{ABI + 1}, not {ABI}"):
        load(copy)
    monkeypatch.setattr(library, "ABI", ABI + 1)  # the note agrees, the library itself does not
    with pytest.raises(KernelVersion, match="speaks version"):
        load(copy)


def test_without_a_library_the_torch_path_runs_and_says_so_once(
    missing: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    layer = LTC(32, ncp19(32))
    with caplog.at_level(logging.WARNING), torch.no_grad():
        first, _ = layer(torch.ones(2, 3, 32))
        second, _ = layer(torch.ones(2, 3, 32))
    assert torch.equal(first, second)
    assert len(caplog.records) == 1
    assert "slower" in caplog.text
    assert "C compiler" in caplog.text
    monkeypatch.setenv(VARIABLE, "c")
    with pytest.raises(KernelUnavailable, match="not built"):
        layer(torch.ones(2, 3, 32))
    monkeypatch.setenv(VARIABLE, "torch")
    assert torch.equal(layer(torch.ones(2, 3, 32))[0], first)


def test_an_unknown_path_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "cuda")
    with pytest.raises(KernelChoice, match="'cuda': choose torch or c"):
        active()


@needs_library
def test_what_the_scan_cannot_take_is_named_when_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LTC(32, ncp19(32)).to(torch.bfloat16)
    layer(torch.ones(1, 2, 32))  # the plain path does it
    monkeypatch.setenv(VARIABLE, "c")
    with pytest.raises(KernelChoice, match="bfloat16"):
        layer(torch.ones(1, 2, 32))
    with pytest.raises(KernelChoice, match="meta"):
        LTC(32, ncp19(32))(torch.ones(1, 2, 32, device="meta"))
    loaded = found()
    assert isinstance(loaded, Library)
    with pytest.raises(KernelChoice, match="'mmx'"):
        loaded.choose("mmx")


def test_the_doctor_says_which_path_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def finding() -> doctor.Finding:
        return doctor._liquid()

    if isinstance(found(), Library):
        assert finding().state == "good"
        assert found().instructions in finding().found  # type: ignore[union-attr]
        monkeypatch.setenv(VARIABLE, "torch")
        assert (finding().state, finding().cure) == ("note", f"unset {VARIABLE}")
    monkeypatch.setattr(library, "found", lambda: KernelMissing("gone"))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert finding().state == "note"
    assert "slower torch path; fused scan missing" in finding().found
    assert "C compiler" in finding().cure
    monkeypatch.setenv(VARIABLE, "c")
    assert finding().state == "bad"
    monkeypatch.setenv(VARIABLE, "cuda")
    assert "choose torch or c" in finding().found
    assert any(one.subject == "liquid networks" for one in doctor.examine())


FORK = """
import os, sys, torch
from liquid_pilot.nn import LTC, ncp19
torch.set_num_threads(2)
layer = LTC(32, ncp19(32), "ncps")
features = torch.linspace(-1, 1, 64 * 40 * 32).view(64, 40, 32)

def numbers():
    layer.zero_grad()
    outputs, state = layer(features)
    outputs.sum().backward()
    return state.detach().numpy().tobytes() + layer.sensory_w.grad.numpy().tobytes()

expected = numbers()
child = os.fork()
if child == 0:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os._exit(0 if numbers() == expected else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_fork_and_on_one_core_the_numbers_are_the_same() -> None:
    environment = os.environ | {VARIABLE: "c"}
    run = subprocess.run([sys.executable, "-c", FORK], env=environment, timeout=120, check=False, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
