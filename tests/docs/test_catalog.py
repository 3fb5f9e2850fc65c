"""What is written of the reference deployment is up to date: its page, and the client that its own code calls."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from kongflow.cli.main import command
from tests.docs.test_pages import ROOT, WRITTEN


@pytest.mark.parametrize(
    "arguments",
    [["docs", "-o", str(WRITTEN.relative_to(ROOT))], ["generate", "python", "-o", "catalog/client.py"]],
    ids=" ".join,
)
def test_what_is_written_of_the_reference_deployment_is_up_to_date(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    checked = CliRunner().invoke(command, [*arguments, "--check", "-c", "kongflow.yaml"], prog_name="kongflow")

    assert checked.exit_code == 0, checked.output
