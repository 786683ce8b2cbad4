"""What each board has of a firmware: ``flash.json`` in the firmware's folder.

An entry is made before a file is programmed and completed when it has been verified. A run that was interrupted can so name what is
incomplete on the board, and go on there. What an entry says is not trusted for long: other programs write to boards too, so the
flash is compared before a step is left out.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from n6link.errors import BadInput

NAME: Final = "flash.json"


@dataclass(frozen=True, slots=True)
class State:
    """Entries for one board, by the serial number of its ST-Link."""

    path: Path
    serial: str

    def _all(self) -> dict[str, dict[str, dict[str, Any]]]:
        try:
            data: Any = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.path} cannot be read ({error}); remove it to program everything again") from error
        if not isinstance(data, dict):
            raise BadInput(f"{self.path} is damaged; remove it to program everything again")
        return cast("dict[str, dict[str, dict[str, Any]]]", data)

    def begin(self, address: int, what: str, sha256: str) -> None:
        """Notes that a file is about to be programmed."""
        self._note(address, {"what": what, "sha256": sha256, "complete": False})

    def complete(self, address: int, what: str, sha256: str) -> None:
        """Notes that it was verified."""
        self._note(address, {"what": what, "sha256": sha256, "complete": True})

    def has(self, address: int, sha256: str) -> bool:
        """Whether this file was verified at this address."""
        entry = self._all().get(self.serial, {}).get(hex(address), {})
        return entry.get("sha256") == sha256 and entry.get("complete") is True

    def incomplete(self) -> list[str]:
        """What an interrupted run has left incomplete, with its address."""
        entries = self._all().get(self.serial, {})
        return [f"{entry.get('what')} at {at}" for at, entry in entries.items() if entry.get("complete") is not True]

    def _note(self, address: int, entry: dict[str, object]) -> None:
        data = self._all()
        data.setdefault(self.serial, {})[hex(address)] = entry
        new = self.path.with_suffix(".new")
        try:
            new.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            os.replace(new, self.path)
        except OSError as error:
            raise BadInput(f"{self.path} cannot be written: {error.strerror}; nothing was programmed") from error
