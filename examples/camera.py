"""Poses in a live picture: python camera.py SOURCE [--url URL] [--network NAME] [--out FOLDER] [--frames N].

SOURCE is the number of a camera, a video file (both require OpenCV: pip install opencv-python), or a folder of pictures. All
three are plain iterables of frames. The stream reads them in a separate thread, so that a slow camera does not stop other tasks. The
policy "latest" drops frames if the board is too slow: the newest frame is always drawn.

With OpenCV and a screen the poses are shown in a window (q ends it), else they are written to FOLDER. At the end the times of all stages are printed.
"""

import argparse
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np

from n6link import N6Device, Result
from n6link.decoders.draw import draw_poses
from n6link.tensors.image import load

OPENCV = find_spec("cv2") is not None
if OPENCV:
    import cv2


Picture = np.ndarray[Any, Any]
"""(h, w, 3) uint8, RGB"""


def frames(source: str) -> Iterator[Picture]:
    """Pictures from a camera, a video or a folder."""
    if Path(source).is_dir():
        paths = sorted(path for path in Path(source).iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
        return map(load, paths)
    if not OPENCV:
        sys.exit(f"{source} is not a folder; cameras and video files require OpenCV: pip install opencv-python")
    capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    if not capture.isOpened():
        sys.exit(f"{source} is not a folder of pictures, and OpenCV cannot open it as a camera or a video")
    return iter(lambda: read(capture), None)


def read(capture: Any) -> Picture | None:
    """The next picture of a camera or a video; None = there are no more."""
    good, frame = capture.read()
    return frame[:, :, ::-1] if good else None


def show(picture: Picture) -> bool:
    """Shows the picture in a window; False = q was pressed."""
    cv2.imshow("n6link", picture[:, :, ::-1])
    return bool(cv2.waitKey(1) != ord("q"))


def budget(results: list[Result]) -> str:
    """The median time of each stage, and the age of the results."""
    stages = [dict(result.timing.stages()) for result in results]
    lines = [f"{name:10}{1e3 * float(np.median([s[name] for s in stages])):8.2f} ms" for name in stages[0]]
    ages = [result.frame.age for result in results if result.frame]
    return "\n".join([*lines, f"{'age':10}{1e3 * float(np.median(ages)):8.2f} ms, at most {1e3 * max(ages):.2f} ms"])


async def main(options: argparse.Namespace, source: Iterator[Picture]) -> None:
    live = options.source.isdecimal()
    pictures: dict[int, Picture] = {}

    def numbered() -> Iterator[Picture]:
        """The frames, stored by number until the result arrives."""
        for number, frame in enumerate(source):
            pictures[number] = frame
            yield frame

    results: list[Result] = []
    async with N6Device(options.url) as dev:
        net = dev[options.network]
        async with net.stream(numbered(), policy="latest" if live else "all") as stream:
            async for result in stream:
                assert result.frame
                for dropped in result.frame.replaced:
                    del pictures[dropped]
                picture, poses = pictures.pop(result.frame.sequence), result.decode()
                drawn = np.asarray(await anyio.to_thread.run_sync(draw_poses, picture, poses))
                results.append(result)
                if options.out:
                    options.out.mkdir(parents=True, exist_ok=True)
                    save(drawn, options.out / f"{result.frame.sequence:05}.png")
                elif not show(drawn):
                    break
                if len(results) == options.frames:
                    break
    if not results:
        sys.exit(f"{options.source} does not contain pictures")
    print(f"{len(results)} pictures, {stream.stats.dropped} dropped\n{budget(results)}")


def save(picture: Picture, path: Path) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--url", default="sim:")
    parser.add_argument("--network", default="movenet13")
    parser.add_argument("--out", type=Path, default=None if OPENCV else Path("poses"))
    parser.add_argument("--frames", type=int, default=0, help="stop after this number of results; 0 = never")
    arguments = parser.parse_args()
    anyio.run(main, arguments, frames(arguments.source))
