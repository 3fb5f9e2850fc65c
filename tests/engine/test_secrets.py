"""Where secrets come from, and where they never appear."""

from pathlib import Path

import pytest

from kongflow.core.catalog import Secret
from kongflow.engine.secrets import masking, resolve_secrets
from kongflow.errors import InvalidConfig


def test_a_secret_comes_from_the_environment_a_file_or_its_default(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file\n")
    declared = {
        "env": Secret("env", env="TOKEN", default="unused"),
        "default": Secret("default", env="ABSENT", default=""),
        "file": Secret("file", file=tmp_path / "token"),
    }

    assert resolve_secrets(declared, {"TOKEN": "from env"}) == {
        "env": "from env", "default": "", "file": "from the file",
    }  # fmt: skip


def test_printed_secrets_show_their_names_alone() -> None:
    secrets = resolve_secrets({"token": Secret("token", env="TOKEN")}, {"TOKEN": "hunter22"})

    assert f"{secrets} {secrets!r} {[secrets]}".count("token=***") == 3
    assert "hunter22" not in f"{secrets} {secrets!r} {[secrets]}"
    assert (secrets["token"], dict(secrets), len(secrets)) == ("hunter22", {"token": "hunter22"}, 1)


def test_every_missing_secret_is_named_at_once(tmp_path: Path) -> None:
    declared = {"a": Secret("a", env="ABSENT"), "b": Secret("b", file=tmp_path / "absent")}

    with pytest.raises(InvalidConfig) as caught:
        resolve_secrets(declared, {})

    assert "secret 'a': the environment variable ABSENT is not set" in str(caught.value)
    assert "No such file or directory" in str(caught.value)


def test_values_are_masked_longest_first_and_short_ones_left_alone() -> None:
    mask = masking({"a": "hunter", "b": "hunter22", "c": "e", "d": ""})

    assert mask("user=me pass=hunter22 old=hunter") == "user=me pass=*** old=***"
