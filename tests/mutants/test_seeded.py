"""The mutants of `make mutants` still are what they say: each finds the code that it breaks, and changes it."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from tests.mutants.mutant import Change, Mutant, NotFound, Variant
from tests.mutants.seeded import MUTANTS

ROOT = Path(__file__).parents[2]
VARIANTS = [variant for mutant in MUTANTS for variant in mutant.variants()]


def changed(variant: Variant, folder: Path) -> list[Path]:
    """Apply a mutant to copies of the files that it changes, and return these."""
    for change in variant.changes:
        (folder / change.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "kongflow" / change.file, folder / change.file)
    variant.apply(folder)
    return [folder / change.file for change in variant.changes]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_mutant_finds_what_it_breaks(variant: Variant, tmp_path: Path) -> None:
    files = changed(variant, tmp_path)

    for file in files:
        source = file.read_text()
        assert source != (ROOT / "kongflow" / file.relative_to(tmp_path)).read_text()
        if file.suffix == ".py":
            ast.parse(source)
    assert all((ROOT / test).exists() for test in variant.tests)


def test_a_mutant_whose_code_has_gone_says_so(tmp_path: Path) -> None:
    variant = Mutant("nothing", (), shared=(Change("core/queue.py", "no such code", ""),))

    with pytest.raises(NotFound, match=r"kongflow/core/queue\.py has no 'no such code'"):
        changed(next(variant.variants()), tmp_path)


def test_there_are_enough_of_them_on_both_stores() -> None:
    for store in ("sqlite", "postgres"):
        assert sum(variant.store in (store, "both") for variant in VARIANTS) >= 20
