"""How much a moving picture flickers, with and without its filters, and how long a frame takes.

  python benchmarks/animate.py [--frames=24] [--size=256] [--seed=0] [--real=FOLDER] [--save=FOLDER]

A synthetic person is painted in the poses of another one, who moves an arm slowly before a camera that stands still:
its true maps, those maps spoilt anew in each frame the way DensePose does it (`synthetic.faults`), and those that the
small network makes of the rendered frames. Mean change from frame to frame, of 255:

  plain     each frame for itself
  maps      with maps steadied over time (`densepose.steady`)
  both      and colours on the surface (`transfer.steady_colours`), as `dpt animate` does it
  sharp     the mean step between pixels side by side on the body, of `plain` and of `both`

of pixels that show the same piece of the surface by the true maps (`animation.unsteadiness`). With `--real`, a folder
of frames of a video: of pixels on the body where the frames themselves do not change. Seconds are of processor and of
wall, for a map in the memory to a frame that is kept on the disk, the model warm; with one person at work, two cores.
Prints a table and one line of JSON; `--save` keeps what was painted as videos, the three side by side.
"""

import argparse
import json
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import fractions

import numpy as np
from scipy import ndimage

STILL = 2.0  # of 255: what does not change in a frame changes by less, smoothed


def walk(frames: int, size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames of somebody who moves an arm slowly, and the true maps."""
    from dpt_tf.synthetic import examples
    from dpt_tf.synthetic.camera import Camera

    calm = {("shoulder_left", "z"): 14, ("elbow_left", "x"): -14, ("elbow_right", "x"): -14}
    made = []
    for k in range(frames):
        pose = calm | {("shoulder_right", "z"): 14 + 1.5 * k, ("pelvis", "y"): 10 + 0.5 * k}
        made.append(examples._view(examples._MODEL, pose, 0, Camera(fill=0.9), size))
    return [photo for photo, _ in made], [iuv for _, iuv in made]


def of_network(photos: list[np.ndarray], steady: bool) -> list[np.ndarray]:
    """Maps by the small network, as of a video."""
    from dpt_tf.densepose import choosing, following, map_files
    from dpt_tf.images.video import Frame
    from dpt_tf.transfer import animation

    frames = (Frame(k / 25, photo) for k, photo in enumerate(photos))
    people = following.follow(frames, choosing.open_estimator(), map_files.Asked(), steady)
    return list(animation.held(next(iter(one.values())).map if one else None for one in people))


def steadied(photos: list[np.ndarray], maps: list[np.ndarray]) -> list[np.ndarray]:
    """Maps that were given, kept from trembling."""
    from dpt_tf.densepose.steady import SteadyMaps

    calm = SteadyMaps()
    return [calm(np.zeros_like(iuv), iuv) for iuv in maps]


def still_change(pictures: list[np.ndarray], photos: list[np.ndarray], bodies: list[np.ndarray]) -> float:
    """Mean change of pixels on the body in both frames, where the photos do not change."""
    changes = []
    for k in range(1, len(photos)):
        moved = ndimage.uniform_filter(np.abs(photos[k].astype(float) - photos[k - 1]).mean(-1), 7) > STILL
        here = (bodies[k][..., 0] > 0) & (bodies[k - 1][..., 0] > 0) & ~moved
        if here.sum() > 50:
            changes.append(np.abs(pictures[k].astype(float) - pictures[k - 1])[here].mean())
    return float(np.mean(changes)) if changes else float("nan")


def sharp(pictures: list[np.ndarray], bodies: list[np.ndarray]) -> float:
    """The mean step between pixels side by side on the body."""
    steps = [
        np.abs(np.diff(picture.astype(float), axis=1)).mean(-1)[body[:, 1:, 0] > 0].mean()
        for picture, body in zip(pictures, bodies, strict=True)
    ]
    return float(np.mean(steps))


def compare(paint, person, plain_maps, calm_maps, change, bodies) -> tuple[dict[str, float], list[np.ndarray]]:
    """The table's row of one kind of maps, and the three pictures side by side."""
    from dpt_tf.transfer import animation

    runs = [
        list(animation.animate(paint, person, maps, steady=steady))
        for maps, steady in ((plain_maps, False), (calm_maps, False), (calm_maps, True))
    ]
    row = dict(zip(("plain", "maps", "both"), (change(run) for run in runs), strict=True))
    row |= {"sharp, plain": sharp(runs[0], bodies), "sharp, both": sharp(runs[2], bodies)}
    return row, [np.concatenate(each, 1) for each in zip(*runs, strict=True)]


def speed(paint, person, maps: list[np.ndarray]) -> dict[str, float]:
    """Seconds a frame from a map in the memory to the disk: steadied, painted, steadied again, encoded."""
    from dpt_tf.densepose.steady import SteadyMaps
    from dpt_tf.transfer import animation
    from dpt_tf.transfer.kept_frames import KeptFrames

    animator, calm = animation.Animator(paint, person), SteadyMaps()
    animator(maps[0])
    wall, processor = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptFrames(pathlib.Path(folder), {}, fractions.Fraction(25))
        kept.add((animator(calm(np.zeros_like(iuv), iuv)) for iuv in maps), animator.state)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"frames a second": len(maps) / wall, "processor seconds a frame": processor / len(maps)}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=pathlib.Path)
    parser.add_argument("--save", type=pathlib.Path)
    args = parser.parse_args()

    import dpt_tf
    from dpt_tf.images import photos as photo_files
    from dpt_tf.images import video
    from dpt_tf.synthetic import examples, faults
    from dpt_tf.transfer import animation

    paint = dpt_tf.load("people")
    person = paint.person(*examples.people(args.size)["Ada"])
    photos, truth = walk(args.frames, args.size)
    spoilt = [faults.apply(iuv, np.random.default_rng((args.seed, k))) for k, iuv in enumerate(truth)]
    rows, pictures = {}, {}

    def on_surface(run: list[np.ndarray]) -> float:
        return animation.unsteadiness(run, truth)

    kinds = {"true": (truth, truth), "spoilt": (spoilt, steadied(photos, spoilt))}
    kinds["network"] = of_network(photos, False), of_network(photos, True)
    for name, (plain, calm) in kinds.items():
        rows[name], pictures[name] = compare(paint, person, plain, calm, on_surface, truth)
    if args.real:
        real = [photo_files.read(path) for path in sorted(args.real.iterdir())[: args.frames]]
        plain, calm = of_network(real, False), of_network(real, True)
        name = args.real.parent.name
        rows[name], pictures[name] = compare(
            paint, person, plain, calm, lambda run: still_change(run, real, calm), calm
        )
    for name, row in rows.items():
        print(f"{name:15}", "  ".join(f"{key} {value:5.2f}" for key, value in row.items()))
    pace = speed(paint, person, spoilt)
    print("  ".join(f"{key} {value:.3f}" for key, value in pace.items()))
    print(json.dumps({"frames": args.frames, "size": args.size, "seed": args.seed, **rows, "speed": pace}))
    for name, made in pictures.items() if args.save else ():
        with video.writer(args.save / f"{name}.mp4", 12) as out:
            for picture in made:
                out.add(picture)


if __name__ == "__main__":
    main()
