"""Carrying a photo to another pose through the atlas: this project beside scipy's Delaunay interpolation.

usage: python benchmarks/atlas.py FOLDER [--json=FILE]

FOLDER holds `images/NAME.png` and `iuv/NAME_IUV.png` of one person in many poses. Of ten fixed pairs of them, spread
over the folder, the first photo is painted into the second pose. Prints, for each method:

  covered   share of the target's body that got a colour
  psnr      on the pixels that griddata covers, grey where a method leaves a gap
  seconds   median over the pairs, on a warm process

The methods: `griddata` at the target's pixels only (no texture comes out of it: that is the least work it can do);
`griddata` on every texel of every part, then bilinear sampling, which is what `unwrap` and `sample` do; and these two.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import scipy.interpolate
import scipy.spatial
import tensorflow as tf
from PIL import Image

from dpt_tf import iuv
from dpt_tf.ops import atlas

RESOLUTION = 256
PAIRS = 10


def load(folder, name):
    """One view: image `[H, W, 3]` in [-1, 1] and iuv `[H, W, 3]`."""
    image = np.asarray(Image.open(folder / "images" / f"{name}.png").convert("RGB"), np.float32) / 127.5 - 1
    return image, iuv.read(folder / "iuv" / f"{name}_IUV.png")


def fixed_pairs(folder):
    """Ten pairs of names, each a tenth of the folder apart."""
    names = sorted(path.stem for path in (folder / "images").glob("*.png"))
    step = len(names) // PAIRS
    if step < 2:
        raise SystemExit(f"{folder}/images holds {len(names)} pictures; {2 * PAIRS} are needed for {PAIRS} pairs")
    return [(names[step * k], names[step * (k + 1) - 1]) for k in range(PAIRS)]


def interpolate(image, source, part, places):
    """Linear interpolation of one part's pixels at `places` `[N, 2]` (u, v); NaN outside their convex hull."""
    here = source[..., 0] == part
    try:
        return scipy.interpolate.griddata(source[here][:, 1:] / 255.0, image[here], places)
    except (scipy.spatial.QhullError, ValueError):  # too few points, or all on a line
        return np.full([len(places), 3], np.nan)


def griddata_at_pixels(image, source, target):
    """The colour of each target pixel, NaN where there is none."""
    result = np.full(target.shape, np.nan, np.float32)
    for part in np.intersect1d(np.unique(source[..., 0]), np.unique(target[..., 0])):
        if part:
            wanted = target[..., 0] == part
            result[wanted] = interpolate(image, source, part, target[wanted][:, 1:] / 255.0)
    return result


def griddata_atlas(image, source, target):
    """The same by way of a whole texture."""
    v, u = np.meshgrid(*[np.linspace(0, 1, RESOLUTION)] * 2, indexing="ij")
    places = np.stack([u.ravel(), v.ravel()], axis=-1)
    texture = np.full([1, 24, RESOLUTION, RESOLUTION, 3], np.nan, np.float32)
    for part in np.unique(source[..., 0]):
        if part:
            texture[0, part - 1] = interpolate(image, source, part, places).reshape(RESOLUTION, RESOLUTION, 3)
    known = ~np.isnan(texture[..., :1])
    return paint(np.where(known, texture, 0), known.astype(np.float32), target[None])[0].numpy()


def paint(texture, observed, target):
    """Samples a texture; a pixel counts where most of its weight is on observed texels."""
    share = atlas.sample(observed, target)
    return tf.where(share >= 0.5, atlas.sample(texture, target) / tf.maximum(share, 0.5), float("nan"))


def unwrap_and_sample(image, source, target):
    """This project's way."""
    return paint(*atlas.unwrap(image, source, RESOLUTION), target)


def as_graph():
    """`unwrap_and_sample` of one example."""
    function = tf.function(unwrap_and_sample)
    return lambda *views: function(*(view[None] for view in views))[0].numpy()


METHODS = {
    "griddata, target pixels only": griddata_at_pixels,
    "griddata, whole atlas": griddata_atlas,
    "unwrap + sample": as_graph(),
}


def psnr(result, truth, where):
    """Peak signal-to-noise ratio in dB over the pixels `where`, of pictures in [-1, 1]."""
    return 10 * np.log10(4 / np.mean((np.nan_to_num(result[where]) - truth[where]) ** 2))


def measure(folder):
    """One row a method: name, covered, psnr, seconds."""
    pairs = [(load(folder, a), load(folder, b)) for a, b in fixed_pairs(folder)]
    rows, reference = [], []
    for name, method in METHODS.items():
        (image, source), (_, target) = pairs[0]
        method(image, source, target)  # warm
        covered, psnrs, seconds = [], [], []
        for k, ((image, source), (truth, target)) in enumerate(pairs):
            start = time.perf_counter()
            result = method(image, source, target)
            seconds.append(time.perf_counter() - start)
            has_colour = ~np.isnan(result[..., 0])
            if len(reference) == k:
                reference.append(has_colour)
            covered.append(has_colour.sum() / (target[..., 0] > 0).sum())
            psnrs.append(psnr(result, truth, reference[k]))
        rows.append(
            {
                "method": name,
                "covered": float(np.mean(covered)),
                "psnr": float(np.mean(psnrs)),
                "seconds": float(np.median(seconds)),
            }
        )
    return rows


def main():
    """Prints the table, and JSON if a file for it is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows here as well")
    arguments = parser.parse_args()
    rows = measure(arguments.folder)
    print(f"{PAIRS} pairs of {arguments.folder}, atlas 24 x {RESOLUTION} x {RESOLUTION}\n")
    print(f"{'method':<30}{'covered':>10}{'psnr':>10}{'seconds':>10}")
    for row in rows:
        print(f"{row['method']:<30}{row['covered']:>10.1%}{row['psnr']:>7.2f} dB{row['seconds']:>10.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
