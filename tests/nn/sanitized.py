"""``python tests/nn/sanitized.py``: the kernel's tests, once, on a library built with AddressSanitizer and UBSan.

Every read and write outside of an array, and every undefined operation, ends the run with a report. Not a test of its
own: it needs a compiler with the sanitizers (gcc or clang), and a minute.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "liquid_pilot" / "nn" / "scan" / "src"
FLAGS = ("-std=gnu11", "-O1", "-g", "-fPIC", "-fno-omit-frame-pointer", "-ffp-contract=fast", "-Wno-psabi")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LIBRARY = "LIQUID_PILOT_SANITIZED"


def build(folder: Path, compiler: str) -> Path:
    """The library and its note, in ``folder``."""
    sys.path.insert(0, str(ROOT))
    from liquid_pilot.nn.scan.library import ABI

    machine = os.uname().machine
    sets = {"sse2": (16, ()), "avx2": (32, ("-mavx2", "-mfma")), "avx512": (64, ("-mavx512f", "-mavx512dq", "-mfma"))}
    if machine != "x86_64":
        sets = {"baseline": (16, ())}
    objects = []
    for name, (size, flags) in sets.items():
        objects.append(folder / f"{name}.o")
        options = (*FLAGS, *SANITIZERS, *flags, f"-DLP_ISA={name}", f"-DLP_BYTES={size}")
        subprocess.run([compiler, *options, "-c", str(SOURCE / "kernel.c"), "-o", str(objects[-1])], check=True)
    path = folder / "liquid_scan.so"
    rest = [str(SOURCE / "dispatch.c"), *map(str, objects), "-lm", "-lpthread"]
    subprocess.run([compiler, *FLAGS, *SANITIZERS, "-shared", "-o", str(path), *rest], check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps({"abi": ABI, "sha256": digest}))
    return path


def run_tests(path: Path) -> int:
    """The kernel's tests on this library, in this process (which the sanitizers' runtime was loaded into)."""
    import pytest

    from liquid_pilot.nn.scan import library

    library.PATH = path
    if not isinstance(library.found(), library.Library):
        sys.stderr.write(f"{library.found()}\n")
        return 1
    tests = sorted(str(one) for one in Path(__file__).parent.glob("test_scan*.py"))
    return int(pytest.main([*tests, "-p", "no:cacheprovider", "-x"]))


def main() -> int:
    if LIBRARY in os.environ:
        sys.path.insert(0, str(ROOT))
        return run_tests(Path(os.environ[LIBRARY]))
    compiler = os.environ.get("CC", "gcc")
    with tempfile.TemporaryDirectory() as folder:
        path = build(Path(folder), compiler)
        runtimes = [
            subprocess.run([compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout
            for name in ("libasan.so", "libubsan.so")
        ]
        environment = os.environ | {
            LIBRARY: str(path),
            "OMP_NUM_THREADS": "1",  # torch's; the scan's own threads are set by its tests
            "LD_PRELOAD": " ".join(name.strip() for name in runtimes),
            # Python itself never frees everything.
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            # Otherwise Python's allocator hides small blocks from the sanitizer.
            "PYTHONMALLOC": "malloc",
        }
        return subprocess.run([sys.executable, __file__], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
