from __future__ import annotations

import subprocess
import sys

import pytest

import kongflow

NAMES = [
    *("Cancel", "GiveUp", "InvalidConfig", "InvalidPayload", "Job", "JobContext", "KongFlow", "KongFlowError"),
    *("LeaseLost", "Snooze", "StoreBusy", "SyncJobContext", "SyncKongFlow", "TimedOut", "WrongDatabase"),
]


def test_the_public_names_are_these_fifteen() -> None:
    assert sorted(kongflow.__all__) == NAMES
    assert {name for name in dir(kongflow) if not name.startswith("_")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    public = getattr(kongflow, name)

    assert public.__name__ == name
    assert public.__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'kongflow' has no attribute 'enqueue'"):
        kongflow.enqueue  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, kongflow; sys.exit('sqlalchemy' in sys.modules or 'asyncio' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_no_command_loads_the_orm_when_it_starts() -> None:
    script = "import sys, kongflow.app, kongflow.cli.run; sys.exit('sqlalchemy.orm' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
