"""docs/catalog.md is what `kongflow docs` writes of the reference deployment."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from kongflow.cli.main import command
from tests.docs.test_pages import ROOT, WRITTEN


def test_the_catalogue_of_the_reference_deployment_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = ["docs", "-c", "kongflow.yaml", "-o", str(WRITTEN.relative_to(ROOT)), "--check"]

    checked = CliRunner().invoke(command, arguments, prog_name="kongflow", env={"KONGFLOW_DATABASE_URL": None})

    assert checked.exit_code == 0, checked.output
