"""What a supervisor does when processes end, with small programs in place of runners."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from kongflow.engine.events import Event, Events, ProcessDied, ProcessesStarted
from kongflow.engine.processes import supervisor
from kongflow.engine.processes.supervisor import LONGEST_WAIT, PROVEN, TRIES, Place, Supervisor
from kongflow.errors import KongFlowError

pytestmark = pytest.mark.only_on("sqlite")  # a supervisor has no database: once is enough

PROGRAM = """\
import os, socket, sys
from pathlib import Path

line = socket.socket(fileno=int(sys.argv[1]))
births = Path("births")
with births.open("a") as file:
    file.write(f"{os.getpid()}\\n")
number = births.read_text().splitlines().index(str(os.getpid()))
"""


class Trial:
    """A supervisor of programs, until they all have ended; `number` counts them from 0."""

    def __init__(self, program: str, count: int) -> None:
        self.told: list[Event] = []
        command = [sys.executable, "-c", PROGRAM + program]
        self.supervisor = Supervisor(command, count, Events(self.told.append), until_idle=True)

    def deaths(self) -> list[str]:
        return [event.how for event in self.told if isinstance(event, ProcessDied)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(supervisor, "FIRST_WAIT", 0.01)
    monkeypatch.chdir(tmp_path)


def births() -> int:
    return len(Path("births").read_text().splitlines())


def test_the_others_come_when_the_first_works_even_if_it_dies_right_then() -> None:
    trial = Trial("line.send(b's')\nif number == 0: os._exit(7)\nline.send(b'e')\n", count=3)

    assert trial.supervisor.run() == 1
    assert trial.deaths() == ["ended with exit code 7"]
    assert [event.count for event in trial.told if isinstance(event, ProcessesStarted)] == [3]
    assert births() == 4


def test_the_worst_exit_code_of_those_that_ended_counts() -> None:
    trial = Trial("line.send(b'se')\nos._exit(number % 2)\n", count=2)

    assert trial.supervisor.run() == 1
    assert trial.deaths() == []


def test_what_keeps_the_first_from_starting_starts_no_other() -> None:
    trial = Trial("os._exit(4)", count=3)

    assert trial.supervisor.run() == 4
    assert (trial.told, births()) == ([], 1)


def test_what_keeps_a_later_one_from_starting_is_tried_again() -> None:
    trial = Trial("if number == 1: os._exit(4)\nline.send(b'se')\n", count=2)

    assert trial.supervisor.run() == 1
    assert trial.deaths() == ["ended with exit code 4"]
    assert births() == 3


def test_until_idle_a_process_that_dies_each_time_is_given_up() -> None:
    trial = Trial("line.send(b's')\nif 0 < number < 9: os._exit(7)\nline.send(b'e')\n", count=2)

    assert trial.supervisor.run() == 1
    assert trial.deaths() == ["ended with exit code 7"] * TRIES
    assert [event.restart_in is None for event in trial.told if isinstance(event, ProcessDied)] == [False, False, True]
    assert births() == 1 + TRIES


def test_a_program_that_is_not_there_is_a_message(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(KongFlowError, match="no runner process has come up: the last of 3 could not be started"):
        Supervisor([str(tmp_path / "nothing")], 2, Events()).run()

    assert signal.getsignal(signal.SIGTERM) is before


def test_each_death_in_a_row_doubles_the_wait_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_WAIT", 0.5)
    place = Place()

    assert [place.wait_after(1.0) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT, LONGEST_WAIT]
    for _ in range(2_000):
        assert place.wait_after(1.0) == LONGEST_WAIT


def test_a_process_that_has_proven_itself_is_replaced_as_after_the_first_death() -> None:
    place = Place()
    first = place.wait_after(0.0)
    place.wait_after(0.0)

    assert place.wait_after(PROVEN) == first
