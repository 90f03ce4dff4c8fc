"""Pairs a second and memory of scoring ready pictures: `dpt evaluate --pictures=... --data_dir=...`, as a process.

  python benchmarks/scoring.py [--pairs 8670] [--listed] [--form PNG|JPEG] [--folder DIR]

Makes people at 256 x 256, all ordered pairs of whose views are scored, and a picture for each pair: the truth, soft, in
other light, with a stain. With `--listed` the pairs are a published list that jumps between people, as DSC's does, and
there are more people of fewer views. `--folder` keeps what was made for the next call. Prints a table and one line of
JSON. Seconds and processor seconds a pair are those between the first lines of `pairs.csv` and the last: they leave out
the start of TensorFlow and the sheet. Memory is the kernel's own count of resident pages and of their peak.
"""

import argparse
import io
import itertools
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image, ImageFilter

from dpt_tf.data import pairing, records
from dpt_tf.evaluation import ready_pictures
from dpt_tf.synthetic import dataset

SIZE = 256
_SECONDS = 0.1  # between two looks at the process


def people(distinct: int, items: int, views: int, form: str) -> Iterator[records.Item]:
    """`items` people, of whom `distinct` are really made; the others are these in other light."""
    made = [dataset.make_item(dataset.Order(k, f"{k}", views, SIZE, False)) for k in range(distinct)]
    rng = np.random.default_rng(0)
    for number in range(items):
        light = rng.uniform(0.6, 1.1, 3)
        shown: list[records.View] = []
        for view in made[number % distinct]["views"]:
            pixels = np.asarray(Image.open(io.BytesIO(view["image"])).convert("RGB"))
            shown.append({**view, "image": _encoded((pixels * light).clip(0, 255).astype(np.uint8), form)})
        yield {"id": f"item{number:05d}", "views": shown}


def paint(truth: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a generator might have made of the truth."""
    soft = np.asarray(truth.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))))
    stain = Image.fromarray(rng.integers(0, 80, (8, 8, 3), np.uint8)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return Image.fromarray((soft * rng.uniform(0.8, 1.1) + stain - 40.0).clip(0, 255).astype(np.uint8))


def make(folder: pathlib.Path, args: argparse.Namespace) -> None:
    """Writes `folder/data` and `folder/pictures`."""
    items = math.ceil(args.pairs / (args.views * (args.views - 1)))
    truths: dict[tuple[str, str], bytes] = {}

    def noted():
        for item in people(args.people, items, args.views, args.form):
            truths.update({(item["id"], view["name"]): view["image"] for view in item["views"]})
            yield item

    prepared = records.write(folder / "data", "bench", {"test": noted()}, SIZE, "benchmark")
    names = sorted({item for item, _ in truths})
    views = sorted({view for _, view in truths})
    pairs = [(item, *pair) for item in names for pair in itertools.permutations(views, 2)]
    rng = np.random.default_rng(1)
    if args.listed:
        pairs = [pairs[k] for k in rng.permutation(len(pairs))[: args.pairs]]
        pairing.write_list(prepared.directory / records.PAIR_LIST, pairs)
    (folder / "pictures").mkdir()
    for pair in pairs:
        truth = Image.open(io.BytesIO(truths[pair[0], pair[2]]))
        paint(truth, rng).save(folder / "pictures" / f"{ready_pictures.name_of(*pair)}.png", compress_level=1)


def watch(command: list[str], table: pathlib.Path) -> dict[str, float]:
    """Runs a scoring and looks at it and at its table again and again.

    Raises:
      SystemExit: it failed.
    """
    looks = []
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            lines = _lines(table)
            if state := _state(process.pid):
                looks.append((lines, time.perf_counter() - begun, *state))
            time.sleep(_SECONDS)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed: {process.returncode}")
    done, seconds, processor, resident, peak = np.array(looks).T
    pairs = done.max()
    first, fifth, last = (int(np.argmax(done >= least)) for least in (max(1.0, pairs / 20), pairs / 5, pairs))
    scored = done[last] - done[first]
    return {
        "pairs": pairs,
        "seconds, the whole command": seconds[-1],
        "seconds of scoring": (seconds[last] - seconds[first]) * pairs / scored,
        "pairs/s": scored / (seconds[last] - seconds[first]),
        "processor seconds/pair": (processor[last] - processor[first]) / scored,
        "MiB when the first pairs are done": resident[first],
        "peak MiB after a fifth": peak[fifth],
        "peak MiB when all are scored": peak[last],
        "peak MiB": peak.max(),
    }


def _lines(table: pathlib.Path) -> int:
    return max(0, table.read_bytes().count(b"\n") - 1) if table.is_file() else 0


def _state(pid: int) -> tuple[float, float, float] | None:
    """Processor seconds, resident MiB and their peak; None where the process is just coming or going."""
    folder = pathlib.Path("/proc") / str(pid)
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        resident, peak = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident, peak


def _encoded(pixels: np.ndarray, form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **({"compress_level": 3} if form == "PNG" else {"quality": 95}))
    return buffer.getvalue()


def main() -> None:
    """Makes what is missing, scores it, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8670)
    parser.add_argument("--people", type=int, default=12, help="so many are really made")
    parser.add_argument("--views", type=int, help="of a person; default 6, with --listed 3")
    parser.add_argument("--listed", action="store_true", help="the pairs are a list that jumps between people")
    parser.add_argument("--form", choices=("PNG", "JPEG"), default="PNG", help="of the stored photos")
    parser.add_argument("--folder", type=pathlib.Path, help="where to keep what is made")
    parser.add_argument("--command", nargs="+", default=[sys.executable, "-m", "dpt_tf"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.views = args.views or (3 if args.listed else 6)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or pathlib.Path(temporary)
        if not (folder / "pictures").is_dir():
            make(folder, args)
        output = pathlib.Path(temporary) / "report"
        command = [*args.command, "evaluate", f"--pictures={folder / 'pictures'}", f"--data_dir={folder / 'data'}"]
        results = watch([*command, f"--output={output}"], output / "pairs.csv")
    for name, value in results.items():
        print(f"{name:36} {value:10.3f}")
    print(json.dumps({"cores": os.cpu_count(), **results}))


if __name__ == "__main__":
    main()
