"""Builds the fused scan (liquid_pilot/nn/scan/src) into the package; everything else is in pyproject.toml.

It is optional: where there is no compiler the installation succeeds, and liquid networks run on the torch path. One
library holds every instruction set of its architecture, an object file each from one source; which one is used is
decided where it runs.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = Path("liquid_pilot/nn/scan")
# setuptools' own flags come first, so that these win. Contraction (fused multiply-add) is a rounding that we want.
FLAGS = ["-std=gnu11", "-O3", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno", "-g0", "-Wno-psabi"]
X86 = {
    "sse2": (16, []),
    "avx2": (32, ["-mavx2", "-mfma"]),
    "avx512": (64, ["-mavx512f", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"]),
}
OTHERS: dict[str, tuple[int, list[str]]] = {"baseline": (16, [])}


class BuildScan(build_ext):
    """One object per instruction set, one library, and a note of what it must be when it is loaded."""

    def get_ext_filename(self, fullname: str) -> str:
        """Not a Python module's: no interpreter's tag in the name."""
        return str(Path(*fullname.split(".")).with_suffix(".so"))

    def build_extension(self, ext: Any) -> None:
        """Compile and link; an error is only a warning of setuptools, because the extension is optional."""
        path = Path(self.get_ext_fullpath(ext.name))
        for old in (path, path.with_suffix(".json")):
            old.unlink(missing_ok=True)
        sets = X86 if platform.machine().lower() in ("x86_64", "amd64") else OTHERS
        source, temporary = FOLDER / "src", Path(self.build_temp)
        objects = self.compiler.compile(
            [str(source / "dispatch.c")], output_dir=str(temporary), extra_postargs=FLAGS, depends=ext.depends
        )
        for name, (size, flags) in sets.items():
            objects += self.compiler.compile(
                [str(source / "kernel.c")],
                output_dir=str(temporary / name),
                macros=[("LP_ISA", name), ("LP_BYTES", str(size))],
                extra_postargs=FLAGS + flags,
                depends=ext.depends,
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object(objects, str(path), libraries=["m", "pthread"])
        path.with_suffix(".json").write_text(
            json.dumps({"abi": abi(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}) + "\n"
        )

    def copy_extensions_to_source(self) -> None:
        """For an editable installation: into the checkout, without disturbing who has the old library open."""
        for ext in self.extensions:
            built = Path(self.build_lib) / self.get_ext_filename(ext.name)
            for file in (built, built.with_suffix(".json")):
                target = FOLDER / file.name
                target.unlink(missing_ok=True)  # an old library must not outlive a build that failed
                if file.exists():
                    new = target.with_suffix(".new")
                    shutil.copyfile(file, new)
                    new.replace(target)


def abi() -> int:
    """The version of the interface that the sources say."""
    found = re.search(r"#define LP_ABI (\d+)", (FOLDER / "src" / "scan.h").read_text())
    assert found
    return int(found[1])


setup(
    ext_modules=[
        Extension(
            "liquid_pilot.nn.scan.liquid_scan",
            [str(FOLDER / "src" / name) for name in ("dispatch.c", "kernel.c")],
            depends=sorted(str(path) for path in (FOLDER / "src").glob("*.h")),
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildScan},
)
