"""What the tests with the real SDK need: node, and the SDK as npm has it, installed once for all of them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SHOP = Path(__file__).parent / "shop"


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shop and the SDK. Without node or a registry the tests fail, and say so."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.fail(
                f"{program} is not installed: the tests with the real SDK need Node.js 18 or newer", pytrace=False
            )
    folder = tmp_path_factory.mktemp("shop")
    for file in SHOP.iterdir():
        shutil.copy(file, folder)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund"],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        pytest.fail(f"npm install failed:\n{done.stdout}{done.stderr}", pytrace=False)
    return folder
