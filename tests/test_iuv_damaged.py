"""What happens to files that are no usable maps: each gets one line, none runs, none takes the memory it asks for."""

import json
import os
import pathlib
import subprocess
import sys

import damaged
import numpy as np
import pytest

from dpt_tf import iuv
from dpt_tf.iuv import sources

# Inspects every file of a folder, then tells its own peak and whether TensorFlow was loaded.
INSPECT = r"""
import json, pathlib, re, sys
from dpt_tf.commands import main
code = main.guarded(lambda: main.dispatch(["inspect", *sorted(map(str, pathlib.Path(sys.argv[1]).iterdir()))]))
# Not ru_maxrss: a child inherits its parent's.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"code": code, "MiB": peak, "tensorflow": "tensorflow" in sys.modules}))
"""


def inspected(folder: pathlib.Path, timeout: float) -> tuple[list[str], dict]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", INSPECT, str(folder)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.stderr == ""
    *lines, last = done.stdout.splitlines()
    return lines, json.loads(last)


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc here to read memory from")


@needs_proc
def test_two_hundred_damaged_files_give_a_line_each_and_nothing_of_them_runs(tmp_path):
    folder, mark = tmp_path / "given", tmp_path / "mark"
    folder.mkdir()
    files = damaged.make(folder, str(mark))
    assert len(files) > 200
    lines, end = inspected(folder, timeout=120)
    assert len(lines) == 2 * len(files)
    assert set(lines[1::2]) == {"  not usable"}
    for path, line in zip(sorted(files), lines[::2], strict=True):
        assert line.startswith(f"{path}: ")
        assert len(line) > len(f"{path}: ") + 15
    assert end["code"] == 1
    assert end["MiB"] < 1024
    assert not end["tensorflow"]
    assert not mark.exists()


def test_what_is_named_is_what_is_there(tmp_path):
    reasons = {
        "CSE": "a dump of a CSE model (densepose.structures.cse.DensePoseEmbeddingPredictorOutput)",
        "system": "asks for posix.system",
        "eval": "asks for builtins.eval",
        "numpy": "_reconstruct",
        "inside a storage": "asks for posix.system",
        "inside a stream": "asks for posix.system",
        "inside a zip": "asks for posix.system",
        "results of 2019": "asks for densepose.structures.DensePoseResult",
        "zip of one member that is compressed": "compressed members",
        "visualisation, hot": "a colour visualisation",
        "visualisation, fire without blue": "a colour visualisation",
        "visualisation, little blue": "a colour visualisation",
        "visualisation, segments": "a colour visualisation",
        "visualisation on grey": "a colour visualisation",
        "JPEG": "a JPEG",
        "from JPEG": "damaged by JPEG",
        "one channel": "an _INDS.png",
        "U and V": "without the part number I",
        "16 bits": "16 bits a channel",
        "long stride": "beyond its storage",
        "deep tuples as a key": "damaged pickle",
        "deep marks": "more steps",
        "flipped 0.zip.pkl": "checksum",
        "npy of 2^60 numbers": "too many",
        "PNG of 2^62 pixels": "too many",
    }
    with_command = {"CSE", "system", "visualisation, hot", "JPEG", "from JPEG", "one channel", "U and V", "html", "GIF"}
    paths = {path.name[4:]: path for path in damaged.make(tmp_path, str(tmp_path / "mark"))}
    for name in reasons.keys() | with_command:
        with pytest.raises(iuv.NotIUV) as caught:
            iuv.read(paths[name])
        assert reasons.get(name, "") in str(caught.value)
        assert name not in with_command or "apply_net.py dump CONFIG MODEL PHOTO" in str(caught.value)


@needs_proc
def test_the_largest_maps_that_are_read_stay_below_a_gibibyte(tmp_path):
    height, width = 8192, sources.MOST_PIXELS // 8192
    made = np.zeros((height, width, 3), np.uint8)
    made[..., 0] = 2
    made[..., 1:] = (np.arange(height) // 40)[:, None, None]
    (tmp_path / "a.png").write_bytes(iuv.encode(made[..., ::-1]))
    floats = np.lib.format.open_memmap(tmp_path / "b.npy", "w+", np.float32, (3, height, width))
    floats[0], floats[1], floats[2] = 2, made[..., 1] / np.float32(255), 0.5
    floats.flush()
    lines, end = inspected(tmp_path, timeout=120)
    assert end["code"] == 0, lines
    assert end["MiB"] < 1024


def test_a_folder_a_device_and_a_pipe_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in ((tmp_path, "a folder"), (pathlib.Path("/dev/zero"), "a device"), (pipe, "a pipe")):
        for ask in (iuv.read, iuv.photos):
            with pytest.raises(iuv.NotIUV, match=f"^{path}: .*{reason}"):
                ask(path)


def test_a_file_larger_than_any_map_is_refused_unread(tmp_path):
    for start in (damaged.picture(damaged.a_map()), damaged.array(damaged.a_map())):
        path = tmp_path / "large"
        path.write_bytes(start)
        os.truncate(path, sources.MOST_BYTES + 1)
        with pytest.raises(iuv.NotIUV, match="512 MiB are too many"):
            iuv.read(path)


def test_any_altered_dump_is_read_or_refused():
    random = np.random.default_rng(1)
    for name in ("old.pkl", "new_two_people.pkl"):
        whole = (damaged.DUMPS / name).read_bytes()
        refused = 0
        for _ in range(300):
            data = bytearray(whole)
            for place in random.integers(0, len(data), 3):
                data[place] = random.integers(256)
            try:
                assert iuv.decode(bytes(data), "fuzz").iuv.dtype == np.uint8
            except iuv.NotIUV:
                refused += 1
        assert refused > 50
