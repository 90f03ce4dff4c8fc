"""How much sharper a picture composed at its own size is than the networks' square enlarged, where the photo shows it.

  python benchmarks/sharpness.py [--model=people] [--size=512] [--turned=0,10,30,45] [--people=8]
  python benchmarks/sharpness.py --data_dir=DATA --pairs=64

Photo and pose are of strangers to every training set who keep their pose and turn, with exact maps; or of the test
pairs of a prepared data set, at its own size. PSNR over the pixels whose surface the photo shows (`provenance`), a mean
over the pairs, of

  enlarged     what the networks paint at S x S, enlarged
  texture      the photo's own pixels, moved along the surface: what nobody judged
  composed     the result
  true detail  the networks' picture with the truth's own detail: what sharpness is worth while the networks' coarse
               colours stay; what also mends those can pass it

Prints a table and one line of JSON.
"""

import argparse
import json
import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from dpt_tf import synthetic
from dpt_tf.data import read, records
from dpt_tf.images import display, framing
from dpt_tf.synthetic.dataset import number
from dpt_tf.training import trained
from dpt_tf.transfer import painter

_LIGHT = (0.35, 0.6, 0.72)

Pair = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # photo and its map, the pose's map and the truth


def turning(turned: float, people: int, size: int) -> Iterator[Pair]:
    """Strangers, each in one pose, from the front and turned by so many degrees."""
    camera = synthetic.Camera(fill=0.9, light=_LIGHT)
    for index in range(people):
        seed, views = number(0, "test", 1050 + index), []
        for angle in (0.0, turned):
            pose = synthetic.sample_pose(np.random.default_rng(seed), angle)
            image, iuv, _ = synthetic.render(synthetic.person(seed), pose, camera, size)
            views.append((image[..., :3], iuv))
        (photo, source_iuv), (truth, target_iuv) = views
        yield photo, source_iuv, target_iuv, truth


def of_data(data_dir: str, hparams, pairs: int) -> Iterator[Pair]:
    """Test pairs at the size that they are stored in."""
    size = records.open_prepared(data_dir).image_size
    for x, y, _ in read.eval_pairs(data_dir, hparams.replace(image_size=size), "test", pairs, 0):
        photos = (display.to_uint8(batch.numpy()) for batch in (x["source"], y))
        yield from zip(*(next(photos), x["source_iuv"].numpy(), x["target_iuv"].numpy(), next(photos)), strict=True)


def scores(model: str, pairs: Iterator[Pair]) -> dict[str, float]:
    """Mean PSNR by name."""
    paint = painter.load(model)
    generator, hparams, _ = trained.load_generator(model)
    square = tf.function(lambda inputs: generator(inputs)["image"])
    found: dict[str, list[float]] = {name: [] for name in ("enlarged", "texture", "composed", "true detail")}
    for photo, source_iuv, target_iuv, truth in pairs:
        small = {"source": framing.square_photo(photo, hparams.image_size).astype(np.float32)[None] / 127.5 - 1}
        small |= {
            name: framing.square_map(iuv, hparams.image_size)[None]
            for name, iuv in (("source_iuv", source_iuv), ("target_iuv", target_iuv))
        }
        height, width = truth.shape[:2]
        enlarged = framing.unsquare(display.to_uint8(square(small)[0].numpy()), height, width)
        coarse = framing.unsquare(framing.square_photo(truth, hparams.image_size), height, width)
        composed = paint(photo, source_iuv, target_iuv)
        seen = composed["provenance"][..., 0] > 127
        if not seen.any():
            continue
        best = np.clip(enlarged.astype(float) + truth - coarse, 0, 255)
        pictures = (enlarged, composed["warped"], composed["image"], best)
        for name, picture in zip(found, pictures, strict=True):
            error = np.square((picture[seen].astype(float) - truth[seen]) / 255).mean()
            found[name].append(-10 * np.log10(max(error, 1e-6)))
    return {name: float(np.mean(values)) for name, values in found.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="people", help="a run, or a shipped model by its name")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--turned", default="0,10,30,45", help="degrees")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--data_dir", help="a prepared data set in the place of synthetic people")
    parser.add_argument("--pairs", type=int, default=64, help="of the data set")
    args = parser.parse_args()
    if args.data_dir:
        _, hparams, _ = trained.load_generator(args.model)
        table = {"pairs": scores(args.model, of_data(args.data_dir, hparams, args.pairs))}
    else:
        angles = [float(angle) for angle in args.turned.split(",")]
        table = {f"{angle:g}": scores(args.model, turning(angle, args.people, args.size)) for angle in angles}
    print(f"{'turned':>8}" + "".join(f"{name:>13}" for name in next(iter(table.values()))))
    for angle, row in table.items():
        print(f"{angle:>8}" + "".join(f"{value:13.2f}" for value in row.values()))
    print(json.dumps(table))


if __name__ == "__main__":
    main()
