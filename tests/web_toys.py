"""What the tests of the page share: files, a toy model, the page as a process."""

import base64
import contextlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
from PIL import Image

from serving.web.painting import Upload

SERVING = pathlib.Path(__file__).resolve().parents[1] / "serving"

DUMPS = pathlib.Path(__file__).parent / "data" / "dumps"


def body(height=48, width=40, part=2):
    """A map of one part in the middle of the picture, U and V running."""
    made = np.zeros((height, width, 3), np.uint8)
    made[8:-8, 8:-8, 0] = part
    made[8:-8, 8:-8, 1] = np.linspace(30, 190, width - 16)
    made[8:-8, 8:-8, 2] = np.linspace(20, 180, height - 16)[:, None]
    return made


def save(path, pixels, **options) -> Upload:
    """A picture's or an array's file; its owner calls it as it is called here."""
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path, **options)
    return Upload(path, path.name)


def visualisation(path) -> Upload:
    """The colour picture that people take for a map."""
    return save(path, np.full((9, 9, 3), (68, 1, 84), np.uint8))


def picture(shown, which=0):
    """One of the pictures in the page's HTML, shown or to be saved, in their order."""
    data = re.findall('="data:image/png;base64,([^"]*)"', shown)[which]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


class Model:
    """Paints the source's mean colour; the left half of every body was seen. It keeps what it was asked.

    Everybody's own build is the pose's with its lower half left out.
    """

    def __init__(self):
        self.asked = []

    def __call__(self, photo, source_iuv, target_iuv, keep_proportions=False):
        kept = {}
        if keep_proportions:
            kept["target_iuv"] = target_iuv = target_iuv.copy()
            target_iuv[len(target_iuv) // 2 :] = 0
        self.asked.append((photo, source_iuv, target_iuv))
        height, width = target_iuv.shape[:2]
        image = np.broadcast_to(photo.mean((0, 1)).round().astype(np.uint8), (height, width, 3)).copy()
        seen = np.zeros((height, width, 1), np.uint8)
        seen[:, : width // 2] = 255
        seen *= target_iuv[..., :1] > 0
        observed = np.zeros((24, 4, 4, 1), np.uint8)
        observed[1, :2] = 1
        texture = np.full((24, 4, 4, 3), 90, np.uint8)
        return {"image": image, "warped": image, "provenance": seen, "observed": observed, "texture": texture} | kept


def painter(resolution=16, side=32):
    """What `dpt_tf.load` gives of a model with layers, whose networks only carry colours over; the rest is grey."""
    import tensorflow as tf

    from dpt_tf.transfer.painter import Transfer

    def at(iuv):
        """The texel of each pixel."""
        part, u, v = np.moveaxis(iuv.astype(int), -1, 0)
        return np.maximum(part - 1, 0), v * (resolution - 1) // 255, u * (resolution - 1) // 255

    def of_source(photo, iuv, coverage):
        (photo,), (iuv,), body = photo, iuv, (iuv[0, ..., :1] > 0)
        texture, observed = (np.zeros([24, resolution, resolution, k], np.uint8) for k in (3, 1))
        texels = tuple(one[body[..., 0]] for one in at(iuv))
        texture[texels], observed[texels] = photo[body[..., 0]], 255
        share = (255 * body).astype(np.uint8)
        small_iuv = np.zeros([side, side, 3], np.uint8)
        made = {
            "texture": texture,
            "observed": observed,
            "backdrop": np.full([max(photo.shape), max(photo.shape), 3], 128, np.uint8),
            "person": np.concatenate([photo, share, share], -1),
            "small_source": np.zeros([side, side, 3], np.float32),
            "small_iuv": small_iuv,
            "small_matte": np.zeros([side, side, 1], np.float32),
            "small_backdrop": np.zeros([side, side, 3], np.float32),
        }
        return {name: tf.constant(one[None]) for name, one in made.items()} | of_surface(texture[None], observed[None])

    def of_pose(source, iuv):
        texels, body = at(iuv[0]), iuv[0, ..., :1] > 0
        seen = np.where(body, np.asarray(source["observed"])[0][texels], 0).astype(np.uint8)
        image = np.where(seen > 0, np.asarray(source["texture"])[0][texels], 128).astype(np.uint8)
        names = "image", "warped", "predicted", "backdrop", "layers"
        return {name: tf.constant(image[None]) for name in names} | {"provenance": tf.constant(seen[None])}

    def of_surface(texture, observed):
        small = {f"small_{name}": tf.zeros([1, 24, side, side, k]) for name, k in (("texture", 3), ("observed", 1))}
        return small | {"texture": tf.constant(texture), "observed": tf.constant(observed)}

    return Transfer(None, side, {}, None, (of_source, of_pose, of_surface), atlas_size=side)


BY_COLOUR = """
import time
import posing
from dpt_tf.densepose import choosing
from serving.web import __main__ as command

class Estimator(posing.ByColour):
    def people(self, photo, boxes=None):
        time.sleep(0.5)
        return super().people(photo, boxes)

choosing.open_estimator = lambda name: Estimator()
command.main()
"""
"""The page with an estimator that needs no weights, and takes its time like one with them."""


@contextlib.contextmanager
def running(model, folder, code=None):
    """The page as a process of its own: its address and what it has written to stderr; it ends by SIGTERM.

    `folder` gets its temporary files and its log; `code` is run instead of the command.
    """
    log = folder / "log.txt"
    start = ["-c", code] if code else ["-m", "serving.web"]
    command = [sys.executable, *start, f"--model={model}", "--port=0"]
    paths = os.pathsep.join([str(SERVING.parent), str(pathlib.Path(__file__).parent)])
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": paths}
    with open(log, "w") as stderr:
        page = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)
        try:
            line = page.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, (line, log.read_text())
            yield found[0], log
            page.send_signal(signal.SIGTERM)
            assert page.wait(60) == 0, log.read_text()
            assert [path.name for path in folder.iterdir()] == [log.name]
        finally:
            page.kill()
            page.wait()
            page.stdout.close()
