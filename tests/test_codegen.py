"""The generated files are fresh, and the generator says so when they are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from n6link.protocol import codegen
from n6link.protocol.schema import ENUMS, STRUCTS


def test_generated_files_are_fresh() -> None:
    assert codegen.main(["--check"]) == 0


def test_a_stale_file_is_named_and_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("n6link/protocol", "n6link/recorder", "firmware/core/wire", "firmware/test", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/vectors.toml").write_text((codegen.ROOT / "tests/vectors.toml").read_text())
    document = (codegen.ROOT / "protocol.md").read_text()
    (tmp_path / "protocol.md").write_text(document.replace("| 2 | minor |", "| 2 | miner |"))
    monkeypatch.setattr(codegen, "ROOT", tmp_path)
    assert codegen.main(["--check"]) == 1
    assert "protocol.md: stale" in capsys.readouterr().err
    assert codegen.main([]) == 0
    assert codegen.main(["--check"]) == 0
    assert (tmp_path / "protocol.md").read_text() == document


def test_marks_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/vectors.toml").write_text((codegen.ROOT / "tests/vectors.toml").read_text())
    (tmp_path / "protocol.md").write_text("nothing")
    monkeypatch.setattr(codegen, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="does not contain the marks for reference"):
        codegen.main([])


def test_wrong_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert codegen.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


def test_header_compiles_with_all_its_static_asserts(tmp_path: Path) -> None:
    """The C compiler is the independent judge of sizes and offsets."""
    source = tmp_path / "header.c"
    source.write_text('#include "n6_protocol.h"\n')
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only"]
    subprocess.run(["cc", *flags, "-I", str(codegen.ROOT / "firmware/core/wire"), str(source)], check=True)
    text = codegen.header()
    assert text.count("_Static_assert(sizeof") == len(STRUCTS)
    assert all(f"}} {codegen.c_name(name)};" in text for name in [*STRUCTS, *ENUMS])


@pytest.mark.parametrize(("name", "expected"), [("HelloReply", "hello_reply"), ("DType", "dtype"), ("Nak", "nak")])
def test_snake(name: str, expected: str) -> None:
    assert codegen.snake(name) == expected
