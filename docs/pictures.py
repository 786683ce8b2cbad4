"""Makes the pictures of the documents, with the programs that they show, on virtual boards: ``make docs-pictures``.

The screens of the monitor are made by benchmarks/screenshots.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

from n6link import networks

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
COMMANDS = {
    "skeleton.png": ["-m", "n6link", "run", "movenet13", str(networks.PHOTO), "--url", "sim:", "--draw"],
    "profile.svg": ["-m", "n6link", "profile", "tinybert", "--url", "sim:", "--picture"],
    "arm.svg": [str(ROOT / "examples" / "arm.py"), "--seconds", "3", "--out"],
}
"""pictures, and the program that makes each; its last argument is the file"""
WIDTH = 384
"""of photographs, in pixels"""


def main() -> None:
    for name, arguments in COMMANDS.items():
        path = FOLDER / name
        path.unlink(missing_ok=True)  # n6link does not overwrite files
        subprocess.run([sys.executable, *arguments, str(path)], check=True, stdout=subprocess.DEVNULL)
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.thumbnail((WIDTH, WIDTH))
                picture.convert("P", palette=Image.Palette.ADAPTIVE).save(path, optimize=True)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
