"""Every code block of README and docs/ runs as it is written, on virtual boards; links lead to files and headings that exist."""

from __future__ import annotations

import ast
import asyncio
import functools
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import documents
import pytest
import test_words
import typer
from documents import DOCUMENTS, ROOT, Block, Run, blocks
from PIL import Image

from n6link import decoders, networks
from n6link.cli import app

SENTIMENT: Final = ROOT / "tests" / "data" / "sentiment"


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The board that N6Device() finds: one for all documents, because each start costs time."""
    path = tmp_path_factory.mktemp("b") / "n6"
    command = [sys.executable, "-m", "n6link", "sim", "--unix", str(path)]
    for network in ("movenet13", "tinybert", f"sentiment={SENTIMENT / 'sentiment_bert_48.tflite'}"):
        command += ["--network", network]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline()
        yield f"unix:{path}"
        process.terminate()


@pytest.fixture
def run(board: str, busy_computer: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """An empty folder with what the reader has: a photograph, some frames, networks in files."""
    with Image.open(networks.PHOTO) as photo:
        photo.convert("RGB").save(tmp_path / "photo.jpg")
        (tmp_path / "frames").mkdir()
        for name in ("1.jpg", "2.jpg"):
            photo.convert("RGB").resize((256, 256)).save(tmp_path / "frames" / name)
    shutil.copy(networks.PHOTO, tmp_path / "photo.png")
    shutil.copy(SENTIMENT / "sentiment_bert_48.toml", tmp_path / "sentiment.toml")
    shutil.copy(SENTIMENT / "tokenizer.json", tmp_path)
    monkeypatch.setenv("N6LINK_URL", board)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.chdir(tmp_path)
    with asyncio.Runner() as runner:
        run = Run(tmp_path, runner, dict(os.environ))
        run.names["ROOT"] = ROOT
        run.names["stand_in"] = functools.partial(monkeypatch.setitem, sys.modules)
        yield run


@pytest.mark.usefixtures("virtual_board")
@pytest.mark.parametrize("name", names([path for path in DOCUMENTS if any(blocks(path))]))
def test_the_blocks_run(run: Run, name: str) -> None:
    for block in blocks(ROOT / name):
        try:
            run.block(block)
        except Exception as error:
            error.add_note(f"in the block at {block.where}")
            raise


def test_few_blocks_are_not_run() -> None:
    """Those that need a board, a cable, a camera or a network that the package may not contain."""
    code = [block for path in DOCUMENTS for block in blocks(path) if block.language in {"python", "sh"}]
    skipped = [block.where for block in code if "not run" in block.marks]
    assert len(code) > 60
    assert len(skipped) < len(code) / 4, skipped


def block_of(tmp_path: Path, text: str) -> Block:
    path = tmp_path / "page.md"
    path.write_text(text)
    (block,) = blocks(path)
    return block


@pytest.mark.parametrize(
    "text",
    [
        "```python\nfrom n6link import Nothing\n```",
        "```python\nimport n6link\nn6link.nothing\n```",
        "```python\nfrom n6link.nothing import N6Device\n```",
        "```python\nawait await\n```",
        "```sh\nn6link rnu movenet13\n```",
        "```sh\nA=1 n6link run movenet13 --darw out.png\n```",
        "```sh\necho 'open\n```",
    ],
)
def test_a_wrong_block_is_found_without_running_it(tmp_path: Path, text: str) -> None:
    with pytest.raises((AssertionError, SyntaxError, subprocess.CalledProcessError)):
        documents.check(block_of(tmp_path, text))


def test_a_right_block_is_accepted_without_running_it(tmp_path: Path) -> None:
    documents.check(
        block_of(tmp_path, "```sh\nn6link config set defaults.url sim: && n6link devices --udev | cat\n```")
    )
    documents.check(block_of(tmp_path, "```python\nimport n6link\nasync for change in n6link.watch():\n    pass\n```"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\nassert await 1\n```", TypeError),
        ("```sh\nn6link info nothing --url sim:movenet13\n```", AssertionError),
        ("```\nno language\n```", AssertionError),
        ("    indented\n", AssertionError),
        ("```toml\ntask = \n```", ValueError),
    ],
)
def test_a_block_that_fails_is_found(run: Run, tmp_path: Path, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        run.block(block_of(tmp_path, text))


def test_a_block_leaves_no_program_behind(run: Run, tmp_path: Path) -> None:
    text = (
        "```sh\nn6link sim --unix left > /dev/null & echo $! > pid\nwhile ! [ -S left ]; do sleep 0.1; done\nfalse\n```"
    )
    with pytest.raises(AssertionError, match="false"):
        run.block(block_of(tmp_path, text))
    pid = int((tmp_path / "pid").read_text())
    for _ in range(10_000):  # init has to collect it
        if not Path(f"/proc/{pid}/exe").exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is running")


# ---- links and sentences


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


LINK: Final = re.compile(r"(?<!`)\[(?:[^\]]|\](?!\())*\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong_links(path: Path) -> Iterator[str]:
    """Links of a document to files or headings of the repository that do not exist."""
    for link in LINK.findall(path.read_text()):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if re.match("[a-z]+:", link):
            continue
        if not target.exists() or (anchor and target.name not in INCLUDING and anchor not in anchors(target)):
            yield link


INCLUDING: Final = {"protocol.md", "firmware.md", "contributing.md", "changelog.md"}
"""pages of the site whose headings are those of other documents; Sphinx checks links to them"""
ALL: Final = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "protocol.md", ROOT / "firmware" / "README.md"]


@pytest.mark.parametrize("name", names(ALL))
def test_links_lead_somewhere(name: str) -> None:
    assert list(wrong_links(ROOT / name)) == []


@pytest.mark.parametrize("name", names(ALL))
def test_links_have_a_text(name: str) -> None:
    """Sphinx fills an empty one; readers of the Markdown file would see nothing."""
    assert re.findall(r"(?<!`)\[\]\([^)]+\)", (ROOT / name).read_text()) == []


@pytest.mark.parametrize("folder", ["tutorial", "how-to", "reference", "explanation"])
def test_each_page_is_in_the_index_of_its_folder(folder: str) -> None:
    pages = {path.name for path in (ROOT / "docs" / folder).glob("*.md")} - {"index.md", "help.md", *INCLUDING}
    assert pages - set(LINK.findall((ROOT / "docs" / folder / "index.md").read_text())) == set()


def test_a_wrong_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# One, two\n[](b.md) [x](a.md#one-two) [](#one) [](https://example.com) ![y](c.svg)\n"
    )
    assert list(wrong_links(tmp_path / "a.md")) == ["b.md", "#one", "c.svg"]


def sentences() -> str:
    """Every text in the package; {} = a value."""
    nodes = (node for path in ROOT.glob("n6link/**/*.py") for node in ast.walk(ast.parse(path.read_text())))
    texts = [test_words.text_of(node) or "" for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr)]
    return "\n".join(texts)


def test_troubleshooting_has_the_sentences_of_the_package() -> None:
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    cells = [row.split("|")[1] for row in page.splitlines() if row.startswith("| ") and not row.startswith("| you see")]
    quoted = [
        quote
        for cell in cells
        for quote in re.findall("`([^`]+)`", cell)
        if " " in quote and not quote.startswith("n6link ")
    ]
    assert len(quoted) > 25
    texts = sentences()
    missing = []
    for quote in quoted:
        parts = [re.escape(part) for part in re.split(r" ?\.\.\. ?", quote) if part]
        if not re.search(r"[^\n]*".join(parts), texts):
            missing.append(quote)
    assert missing == []


def test_the_table_of_commands_is_complete() -> None:
    table = (ROOT / "docs" / "reference" / "commands.md").read_text()
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"`n6link {name}" not in table] == []


def test_the_table_of_tasks_is_complete() -> None:
    table = (ROOT / "docs" / "how-to" / "cards.md").read_text().partition("## Tasks")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(re.findall("`([^`]+)`", "".join(cells))) == decoders.tasks()


def test_pictures_are_made_by_programs() -> None:
    """Each is the product of docs/pictures.py or of a program in benchmarks/, and is shown."""
    programs = "".join(path.read_text() for path in (ROOT / "docs" / "pictures.py", *ROOT.glob("benchmarks/*.py")))
    pages = "".join(path.read_text() for path in DOCUMENTS)
    names = {path.name for path in (ROOT / "docs" / "pictures").iterdir()}
    assert {name for name in names if name not in programs or f"pictures/{name})" not in pages} == set()
