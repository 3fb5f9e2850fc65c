"""`python -m tests.mutants [WORD …]`: sow each bug into a copy of the package and see whether the suite catches it.

Prints which test caught which mutant, and ends with 1 if any survives. WORDs choose mutants by their names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutant import Variant
from tests.mutants.seeded import MUTANTS
from tests.postgres import running_server

ROOT = Path(__file__).parents[2]
COPIED = ("kongflow", "tests", "catalog", "schemas", "docs", "kongflow.yaml", "pyproject.toml", "README.md")
CAUGHT_BY = re.compile(r"^(?:FAILED|ERROR) (?:tests/)?(\S+)", re.MULTILINE)
LONGEST = 300.0
"""Seconds after which a run is called hung: that too is caught. All tests together, without a mutant, have ten times
as long.
"""
SURVIVED, BROKEN = "survived", "broken"


@contextmanager
def copy_of_the_project() -> Iterator[Path]:
    """Yield a folder with everything that the tests need."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        for name in COPIED:
            source, target = ROOT / name, Path(folder) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        yield Path(folder)


def run_tests(folder: Path, selection: list[str], longest: float = LONGEST) -> tuple[int | None, str]:
    """Run tests up to the first failure; return the exit code, None where they hang, and what was printed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *selection]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, timeout=longest, check=False
        )
    except subprocess.TimeoutExpired as late:
        return None, str(late)
    return done.returncode, done.stdout + done.stderr


def try_mutant(variant: Variant) -> str:
    """Return the test that caught a mutant, SURVIVED, or BROKEN with what pytest said."""
    with copy_of_the_project() as folder:
        variant.apply(folder / "kongflow")
        code, printed = run_tests(folder, variant.selection)
    if code is None:
        return "no answer: a test hangs"
    caught = CAUGHT_BY.search(printed)
    if code == 1 and caught:
        return caught[1].rpartition("/")[2]
    return SURVIVED if code == 0 else f"{BROKEN}: pytest ended with {code}\n{printed}"


def main(words: list[str]) -> int:
    """Try the mutants that the words choose, and print the table."""
    variants = [variant for mutant in MUTANTS for variant in mutant.variants()]
    chosen = [variant for variant in variants if all(word in variant.name for word in words)]
    if not chosen:
        print("\n".join(["no mutant has such a name; these are there:", *(variant.name for variant in variants)]))
        return 1
    with running_server() as server:
        os.environ["KONGFLOW_TEST_DSN"] = server.dsn
        tests = sorted({test for variant in chosen for test in variant.tests})
        with copy_of_the_project() as folder:
            code, printed = run_tests(folder, tests, 10 * LONGEST)
        if code != 0:
            print(f"the suite is not green without any mutant:\n{printed}")
            return 1
        survivors = [variant.name for variant in chosen if not _tell(variant)]
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} caught")
    return 1 if survivors else 0


def _tell(variant: Variant) -> bool:
    began = time.monotonic()
    verdict = try_mutant(variant)
    print(f"{variant.name:<72} {time.monotonic() - began:5.1f} s  {verdict}", flush=True)
    return verdict != SURVIVED and not verdict.startswith(BROKEN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
