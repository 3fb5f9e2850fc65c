"""What the reference catalog needs around it: a database of its own, no mail settings, an outbox of its own."""

from pathlib import Path

import pytest

MAIL_VARIABLES = ("SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_TLS", "EMAIL_FROM", "EMAIL_REPLY_TO")
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the catalog at this test's folder, whatever the environment of the test run says."""
    for name in (*MAIL_VARIABLES, *PROXY_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EMAIL_OUTBOX", str(tmp_path / "outbox"))
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'app.db'}")


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox"
