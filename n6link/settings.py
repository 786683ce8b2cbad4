"""The settings file: names of boards, defaults, and what n6link has learnt about boards.

::

    version = 1

    [defaults]
    url = "arm"                            # used if a program or command does not specify a URL and N6LINK_URL is not set
    encode = "qoi"                         # commands: default of --encode
    timeout = 10                           # commands: default of --timeout, seconds

    [boards.arm]                           # a board with a name: N6Device("arm"), --url arm, N6LINK_URL=arm
    url = "serial:0039002B3433510A"

    [boards]                               # short form of the same; board:bench names it too
    bench = "tcp:bench.local:6006"

    [learnt.3b0036001151333032393530]      # by the unique id of the chip, hexadecimal; written by n6link
    ports = ["0039002B3433510A"]           # USB serial numbers of ports on which the board has answered
    rate = 2764800                         # baud: the fastest rate that its line has carried without damage
    speed = 950000                         # bytes per second of a line without a bit rate (USB), measured by n6link doctor
    doctor = "the board is healthy; ..."   # the last sentence of n6link doctor,
    examined = "2026-11-29T16:00:00+00:00" # and its time

The file is ``settings.toml`` in the user's configuration folder (Linux: ``$XDG_CONFIG_HOME/n6link`` or ``~/.config/n6link``), or the file in
the variable N6LINK_CONFIG. A file that does not exist counts as empty. n6link keeps the comments when it writes the file. A reader
never sees an incomplete file, and only one writer at a time changes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from n6link.errors import BadInput, SettingsError, UnknownName
from n6link.json_types import Json, JsonObject, mapping

VERSION: Final = 1
LOCK_TIMEOUT: float = 10.0
"""maximum seconds that a writer waits for another one"""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class _Kind:
    """Kind of a value: its name in messages, a check, and the conversion from the command line."""

    what: str
    fits: Callable[[Json], bool]
    read: Callable[[str], Json]


def _is_url(value: Json) -> bool:
    return isinstance(value, str) and ":" in value


_URL: Final = _Kind(
    "a URL, such as serial:PORT, or the name of a board",
    lambda value: _is_url(value) or (isinstance(value, str) and bool(_NAME.fullmatch(value))),
    str,
)
_BOARD: Final = _Kind(
    "a URL other than board:NAME, such as serial:PORT",
    lambda value: _is_url(value) and not str(value).startswith("board:"),
    str,
)
_TEXTS: Final = _Kind(
    "a list of strings",
    lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    lambda text: [item.strip() for item in text.split(",") if item.strip()],
)
_TEXT: Final = _Kind("a text", lambda value: isinstance(value, str), str)
_COUNT: Final = _Kind(
    "a whole number above 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    lambda text: int(text) if text.isdecimal() else text,
)
_ENCODING: Final = _Kind(
    "raw, qoi or jpeg:Q with a quality Q from 1 to 100",
    lambda value: isinstance(value, str) and bool(re.fullmatch(r"raw|qoi|jpeg:([1-9]\d?|100)", value)),
    str,
)
_SECONDS: Final = _Kind(
    "a number of seconds above 0",
    lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"),
    lambda text: float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else text,
)
KEYS: Final[Mapping[str, _Kind]] = {
    "defaults.url": _URL,
    "defaults.encode": _ENCODING,
    "defaults.timeout": _SECONDS,
    "boards.NAME.url": _BOARD,
    "boards.NAME": _BOARD,
    "learnt.ID.ports": _TEXTS,
    "learnt.ID.rate": _COUNT,
    "learnt.ID.speed": _COUNT,
    "learnt.ID.doctor": _TEXT,
    "learnt.ID.examined": _TEXT,
}
"""every setting; a part in capitals is any name"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the settings file contained when it was read.

    Attributes:
        file: the file; it may not exist.
        values: all tables and values.
    """

    file: Path
    values: JsonObject

    @property
    def default_url(self) -> str | None:
        """URL for programs that do not specify one."""
        return cast("str | None", self.default("url"))

    def default(self, name: str) -> Json:
        """A default; None = it is not set.

        Args:
            name: such as ``encode``, of the table ``defaults``.
        """
        return _table(self.values, "defaults").get(name)

    @property
    def boards(self) -> Mapping[str, str]:
        """URLs by the names that the user gave."""
        return {
            name: str(board["url"] if isinstance(board, dict) else board)
            for name, board in _table(self.values, "boards").items()
            if board != {}
        }

    def learnt(self, unique_id: str) -> JsonObject:
        """What n6link has learnt about a board; may be empty."""
        return _table(_table(self.values, "learnt"), unique_id)

    @property
    def ports(self) -> Mapping[str, tuple[str, ...]]:
        """USB serial numbers of ports on which a board has answered, by its unique id."""
        return {
            unique_id: tuple(map(str, cast("list[str]", self.learnt(unique_id).get("ports", []))))
            for unique_id in _table(self.values, "learnt")
        }

    def get(self, key: str) -> Json:
        """A value by its key, such as ``boards.arm``.

        Raises:
            BadInput: the setting does not exist.
            UnknownName: it is not set.
        """
        _kind(key)
        value: Json = self.values
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise UnknownName(f"{key} is not set in {self.file}; `n6link config` shows what is set")
            value = value[part]
        return value


def path() -> Path:
    """The settings file of this user."""
    if named := os.environ.get("N6LINK_CONFIG"):
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("n6link", appauthor=False) / "settings.toml"


def load() -> Settings:
    """Reads the settings file; a file that does not exist counts as empty.

    Raises:
        SettingsError: it cannot be read, is damaged, or was written by another version.
    """
    file = path()
    return Settings(file, _parse(file, _read(file)))


def is_url(key: str) -> bool:
    """Whether a setting is a URL.

    Raises:
        BadInput: the setting does not exist.
    """
    return _kind(key) in (_URL, _BOARD)


def change(key: str, text: str) -> None:
    """Sets a value, in the form of the command line.

    Raises:
        BadInput: the setting does not exist, or the value has the wrong type.
        SettingsError: as for :func:`load`, or the file cannot be written.
    """
    kind = _kind(key)
    value = kind.read(text)
    if not kind.fits(value):
        raise BadInput(f"{key}={text!r} cannot be set; it must be {kind.what}")
    _edit(lambda document: _put(document, key, value))


def remove(key: str) -> None:
    """Removes a value.

    Raises:
        BadInput, UnknownName: as for :meth:`Settings.get`.
        SettingsError: as for :func:`change`.
    """
    load().get(key)
    _edit(lambda document: _take(document, key.split(".")))


def learn(unique_id: str, **values: Json) -> None:
    """Stores what n6link has learnt about a board; does not write the file if nothing is new.

    Args:
        unique_id: unique id of the chip, hexadecimal.
        values: by their names in the table ``learnt.ID``, see the top of this module.

    Raises:
        BadInput: the setting does not exist, or a value has the wrong type.
        SettingsError: as for :func:`change`.
    """
    for name, value in values.items():
        kind = _kind(f"learnt.{unique_id}.{name}")
        if not kind.fits(value):
            raise BadInput(f"learnt.{unique_id}.{name}={value!r} cannot be stored; it must be {kind.what}")
    known = load().learnt(unique_id)
    new = {name: value for name, value in values.items() if known.get(name) != value}
    if new:
        _edit(lambda document: document.setdefault("learnt", {}).setdefault(unique_id, {}).update(new))


# ---- reading


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"the settings file {file} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _damaged(file, line, "the text is not UTF-8") from error


def _parse(file: Path, text: str) -> JsonObject:
    import tomllib

    try:
        values: JsonObject = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"(.*) \(at line (\d+), column \d+\)", str(error))
        reason, line = (found[1], int(found[2])) if found else (str(error).partition(" (at ")[0], text.count("\n") + 1)
        raise _damaged(file, line, reason.lower()) from error
    version = values.get("version", VERSION)
    if version != VERSION:
        raise SettingsError(
            f"the settings file {file} has version = {version!r}, but this n6link reads version {VERSION}; "
            "update n6link, or set N6LINK_CONFIG to another file"
        )
    for key, value in _flat(values, ()):
        if key == ("version",):
            continue
        try:
            kind = _kind(".".join(key))
        except BadInput as error:
            if key[0] == "learnt" and len(key) == 3:
                continue  # written by a later n6link: both can use the file
            raise _damaged(file, _line(text, key), str(error)) from error
        if not kind.fits(value):
            raise _damaged(file, _line(text, key), f"{'.'.join(key)} is {value!r}; it must be {kind.what}")
    return values


def _flat(values: JsonObject, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], Json]]:
    """Keys and values of all tables."""
    found: list[tuple[tuple[str, ...], Json]] = []
    for name, value in values.items():
        key = (*above, name)
        found += _flat(value, key) if isinstance(value, dict) else [(key, value)]
    return found


def _line(text: str, key: tuple[str, ...]) -> int:
    """The line of a value: the first line after which the parsed text contains it; tomllib does not report lines."""
    import tomllib

    lines = text.split("\n")
    for count in range(1, len(lines)):
        try:
            part = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if any(found == key for found, _ in _flat(part, ())):
            return count
    return len(lines)


def _damaged(file: Path, line: int, reason: str) -> SettingsError:
    return SettingsError(f"{file}, line {line}: {reason}; correct the line, or delete the file")


def _kind(key: str) -> _Kind:
    parts = key.split(".")
    for pattern, kind in KEYS.items():
        wanted = pattern.split(".")
        if len(wanted) == len(parts) and all(
            _NAME.fullmatch(part) if want.isupper() else part == want for want, part in zip(wanted, parts, strict=True)
        ):
            return kind
    raise BadInput(f"unknown setting {key!r}; choose {', '.join(KEYS)}")


def _table(values: JsonObject, name: str) -> JsonObject:
    return mapping(values.get(name, {}))


# ---- writing


_Document = MutableMapping[str, Any]
"""a table of tomlkit: keeps comments and order"""


def _edit(how: Callable[[_Document], object]) -> None:
    """Reads the file, changes it, and replaces it in one step, under a lock against other writers."""
    import filelock
    import tomlkit

    file = path().resolve()  # replace the target of a symbolic link, not the link
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{file}.lock", timeout=LOCK_TIMEOUT):
            text = _read(file)
            _parse(file, text)
            document = tomlkit.parse(text or f"version = {VERSION}\n")
            how(document)
            _replace(file, tomlkit.dumps(document))
    except filelock.Timeout as error:
        raise SettingsError(
            f"another program has locked the settings file {file} for more than {LOCK_TIMEOUT:g} s; try again"
        ) from error
    except OSError as error:
        raise SettingsError(f"the settings file {file} cannot be written ({error.strerror})") from error


def _replace(file: Path, text: str) -> None:
    import shutil
    import tempfile

    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, prefix=f"{file.name}.", encoding="utf-8", delete=False
    ) as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())  # else a power failure after the replacement can leave an empty file
            if file.exists():
                shutil.copymode(file, new.name)
            os.replace(new.name, file)
        except BaseException:
            os.unlink(new.name)
            raise


def _put(document: _Document, key: str, value: Json) -> None:
    import tomlkit

    *tables, last = key.split(".")
    for name in tables:
        if not isinstance(document.get(name), MutableMapping):
            document[name] = tomlkit.table()  # also instead of the short form of a board
        document = document[name]
    document[last] = value


def _take(document: _Document, key: list[str]) -> None:
    first, *rest = key
    if rest:
        _take(document[first], rest)
    if not rest or not document[first]:
        del document[first]
