"""The examples in the help of each command. The tests read them with the parser of the command line, and run those on ``sim:``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.markup import escape

EXAMPLES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "demo": (
        ("on a virtual board", "n6link demo"),
        ("on a board, with the drawing in another file", "n6link demo --url serial:/dev/ttyACM0 --out me.png"),
    ),
    "devices": (
        ("boards that are connected now, and later", "n6link devices --watch"),
        (
            "Linux: permit all users to open boards",
            "n6link devices --udev | sudo tee /etc/udev/rules.d/70-n6link.rules",
        ),
    ),
    "doctor": (
        ("the connected board", "n6link doctor"),
        ("a board that the network has, as JSON", "n6link doctor --url tcp:robot.local:6006 --json"),
    ),
    "info": (
        ("the networks of a virtual board", "n6link info --url sim:"),
        ("tensors and memory of one network", "n6link info movenet13 --url sim:"),
    ),
    "run": (
        ("draw the pose into a copy of a photograph", "n6link run movenet13 photo.jpg --url sim: --draw out.png"),
        (
            "many pictures: a drawing of each, and one line of JSON",
            "n6link run movenet13 'frames/*.jpg' --draw drawings --json",
        ),
        ("a camera, until Ctrl-C", "n6link run movenet13 --camera 0"),
        ("any network: its outputs, as numpy reads them", "n6link run mynet data.npy --save outputs.npz"),
    ),
    "generate": (
        ("the best tokens", 'n6link generate "Mr. Darcy was" --url sim: --max-tokens 8'),
        (
            "a random text that can be repeated",
            'n6link generate "She" --url sim: --temperature 0.8 --top-k 20 --seed 7 --max-tokens 8',
        ),
    ),
    "classify": (
        ("the best label of a text", 'n6link classify "A quiet, lovely film."'),
        ("all probabilities of a text from a file", "n6link classify - --json < review.txt"),
    ),
    "check": (
        (
            "keep the outputs of a virtual board as the reference",
            "n6link check movenet13 golden.npz --make photo.jpg --tolerance 0.05 --url sim:",
        ),
        ("compare a board with it", "n6link check movenet13 golden.npz"),
    ),
    "validate": (
        ("random inputs", "n6link validate mynet mynet.tflite"),
        ("pictures, and a report", "n6link validate mynet mynet.tflite --data pictures --report differences.html"),
    ),
    "expose": (("find the layer where a board differs", "n6link expose mynet.tflite mynet-all.tflite"),),
    "evaluate": (
        (
            "keypoints, with the annotations of COCO",
            "n6link evaluate movenet13 --data person_keypoints.json --pictures val2017",
        ),
        ("classes: a folder of pictures for each", "n6link evaluate mynet --data flowers --fail-under 0.9"),
    ),
    "profile": (
        ("which epochs fall back to the CPU", "n6link profile tinybert --url sim: --runs 2"),
        ("keep it, and fail if a later build is worse", "n6link profile mynet --save base.json"),
        ("", "n6link profile mynet --diff base.json --fail-on 'new-sw,p95>+5%'"),
        ("a page, and a trace for ui.perfetto.dev", "n6link profile mynet --html out.html --trace trace.json"),
    ),
    "report": (
        ("two files of one build are combined", "n6link report network_generate_report.txt network_c_info.json"),
        ("why a network is slow, and what helps", "n6link report st_ai_output --advice"),
    ),
    "predict": (("before ST's compiler runs", "n6link predict mynet.tflite"),),
    "monitor": (("a virtual board; q quits", "n6link monitor --demo"),),
    "view": (
        ("a page with a virtual board at work", "n6link view --demo"),
        ("a board", "n6link view --url serial:/dev/ttyACM0"),
    ),
    "serve": (
        ("a board for several programs", "n6link serve --listen unix:/tmp/board --url serial:/dev/ttyACM0"),
        ("in another terminal", "n6link monitor --url unix:/tmp/board"),
        (
            "two boards; programs open serial:ID, the unique id of each",
            "n6link serve --url serial:0039AB --url serial:0039CD",
        ),
        ("all connected boards", "n6link serve --url all"),
    ),
    "sim": (
        ("a board for other programs, at tcp:localhost:6006", "n6link sim --tcp 6006"),
        ("with a line that damages and loses data", "n6link sim --tcp 6006 --faults 'flip=1e-5&cut=3'"),
    ),
    "bridge": (
        ("a virtual board for programs with Zenoh, on this computer", "n6link bridge --url sim:"),
        ("a board, through the router of a robot", "n6link bridge --connect tcp/192.168.1.2:7447"),
    ),
    "replay": (("a recording as a board", "n6link replay run.pcapng --tcp 6006"),),
    "trace": (
        ("record a command, and show all frames", "n6link run movenet13 photo.jpg --record run.pcapng"),
        ("", "n6link trace run.pcapng"),
    ),
    "card": (
        ("propose a card, and look at a result of it", "n6link card init mynet --picture photo.jpg --draw seen.png"),
        (
            "write it, with the names of the classes in a file",
            "n6link card init mynet --from labels.txt --out mynet.toml",
        ),
        ("check a card that was edited", "n6link card check mynet.toml mynet"),
    ),
    "config": (
        ("give a board a name, and use it by default", "n6link config set boards.arm.url serial:0039002B3433510A"),
        ("", "n6link config set defaults.url arm"),
        ("send pictures without loss, but smaller", "n6link config set defaults.encode qoi"),
        ("send them as before", "n6link config unset defaults.encode"),
        ("one setting", "n6link config get defaults.url"),
        ("the file", "n6link config path"),
    ),
    "firmware": (
        ("an image with a network, onto a board", "n6link firmware build st_ai_output --board stm32n6570-dk"),
        ("what programming would do", "n6link firmware flash --dry-run"),
        (
            "check the output of ST's compiler, without a build",
            "n6link firmware registry registry.c --network mynet=st_ai_output",
        ),
    ),
}
"""by command: what an example does, and the example; an empty text continues the one above"""


def examples(command: str) -> str:
    """The examples of a command for its help, in rich's markup; empty = it has none.

    Args:
        command: its words: ``card`` has the examples of all commands of this group, ``card init`` those of one.
    """
    group, _, name = command.partition(" ")
    lines: list[str] = []
    for what, example in EXAMPLES.get(group, ()):
        if name and not (example + " ").startswith(f"n6link {command} "):
            continue
        lines += [f" [dim]# {escape(what)}[/]"] if what else []
        lines += [f" {escape(example)}"]
    return "\n".join([" [bold]Examples[/]", *lines, ""]) if lines else ""
