"""The official JSON-Schema-Test-Suite of draft 2020-12, against the engine that checks payloads.

No package on PyPI installs it; the source distribution of jsonschema carries it, so `make test-slow` downloads that.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.schema import PayloadSchema
from kongflow.errors import InvalidConfig, InvalidPayload

pytestmark = pytest.mark.slow

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REMOTE = "http://localhost:1234/"
"""Where the suite pretends that its other schemas are served."""

NOT_OURS = {
    "format.json": "there a format is a note; here it is checked",
    "vocabulary.json": "needs other metaschemas, which are not of draft 2020-12",
    "nul characters in strings": "no payload holds a NUL, so a schema that asks for one is refused",
}
"""Files and groups of the suite, and why they say nothing about us."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    wanted = f"jsonschema=={importlib.metadata.version('jsonschema')}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", wanted]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the suite comes with {wanted} from a package index:\n{done.stderr}"
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("jsonschema-*/json"))


def test_every_required_test_of_the_suite_passes(suite: Path) -> None:
    resources = dict(_remotes(suite / "remotes"))
    failures: list[str] = []
    count = 0
    for file, group in _groups(suite / "tests" / "draft2020-12"):
        for test in group["tests"]:
            count += 1
            verdict = _verdict(group["schema"], resources, test["data"])
            if verdict is not test["valid"]:
                failures.append(f"{file}: {group['description']}: {test['description']}: {verdict}")
    assert failures == []
    assert count > 1_000


def _groups(folder: Path) -> Iterator[tuple[str, Any]]:
    for file in sorted(folder.glob("*.json")):
        if file.name not in NOT_OURS:
            for group in json.loads(file.read_text(encoding="utf-8")):
                if group["description"] not in NOT_OURS:
                    yield file.name, group


def _remotes(folder: Path) -> Iterator[tuple[str, Any]]:
    for file in sorted(folder.rglob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        path = file.relative_to(folder).as_posix()
        is_ours = not path.startswith("draft") or path.startswith("draft2020-12/")
        if is_ours and (not isinstance(schema, dict) or schema.get("$schema", DIALECT) == DIALECT):
            yield REMOTE + path, schema


def _verdict(schema: Any, resources: dict[str, Any], value: Any) -> bool | str:
    try:
        PayloadSchema.compile(schema, resources).check_result(value)
    except InvalidPayload:
        return False
    except InvalidConfig as error:
        return str(error)
    return True
