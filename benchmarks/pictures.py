"""The rows of pictures in README and docs, painted by the commands that they stand beside, with the shipped weights.

  python benchmarks/pictures.py [--output=docs] [--work=runs/pictures] [--size=512] [--only=poses,several,...]

  poses.jpg    one photo in poses of three others, in a heavier one's as that one is built, and in its own build
  several.jpg  four photos; a pose; from the first photo alone, from all four, and the truth
  dress.jpg    who is dressed, whose clothes, the top, top and bottom, and those in another pose: studio, elsewhere
  moving.jpg   a photo, and frames of moving.webp, in the poses of a video of somebody else
  map.jpg      a photo, its map over it, a photo of a pose, its map, the result, and the truth

Everybody is synthetic and of a seed that no training takes, 900001 and up in the order of use: none was chosen for
looking well. Nobody's map is given; the small network makes all of them from the photos. Some minutes on two cores.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image

CALM = {("shoulder_left", "z"): 16, ("elbow_left", "x"): -16, ("hip_left", "z"): 4}
CALM |= {("shoulder_right", "z"): 16, ("elbow_right", "x"): -16, ("hip_right", "z"): 4}
WALK = {("hip_left", "x"): -24, ("knee_left", "x"): 8, ("hip_right", "x"): 16, ("knee_right", "x"): 18}
HIPS = {(f"shoulder_{side}", axis): by for axis, by in (("z", 42), ("y", -70), ("x", 12)) for side in ("left", "right")}
HIPS |= {("elbow_left", "x"): -92, ("elbow_right", "x"): -92}
WAVE = {("shoulder_right", "z"): 112, ("elbow_right", "x"): -40, ("shoulder_right", "x"): -20}
BACK = 180
FRAMES = 32


class Studio:
    """Photos of synthetic people, as files in `work`."""

    def __init__(self, work: pathlib.Path, size: int):
        self.work, self.size = work, size
        work.mkdir(parents=True, exist_ok=True)

    def photo(self, seed: int, name: str, pose=(), turned: float = 0, elsewhere=False, **build: float) -> str:
        """Its path. `build` changes the body (`anatomy.Shape`)."""
        from dpt_tf import synthetic
        from dpt_tf.synthetic import light, wardrobe

        who = synthetic.person(seed)
        who = dataclasses.replace(who, shape=dataclasses.replace(who.shape, **build))
        rng = np.random.default_rng((seed, 1))
        camera = dataclasses.replace(synthetic.Camera.sample(rng), fill=0.88, lower=0.0, shift=(0.0, 0.0))
        if elsewhere:
            who, camera = wardrobe.dressed(who), light.elsewhere(camera, rng)
        picture, _, _ = synthetic.render(who, CALM | dict(pose) | {("pelvis", "y"): turned}, camera, self.size)
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., :3]).save(path)
        return str(path)

    def painted(self, verb: str, output: str, *words: str) -> str:
        """What a command writes; it says its own errors."""
        from dpt_tf.commands import main

        path = self.work / output
        if code := main.guarded(lambda: main.dispatch([verb, *words, f"--output={path}"])):
            raise SystemExit(code)
        return str(path)


def poses(at: Studio) -> list[list[str]]:
    """One photo in several poses, and in its own build."""
    me = at.photo(900001, "me.png", turned=10, elsewhere=True)
    struck = [(900002, HIPS, -15), (900003, WALK, 50), (900004, WAVE, BACK)]
    asked = [at.photo(seed, f"{seed}.png", pose, turned) for seed, pose, turned in struck]
    heavy = at.photo(900005, "heavy.png", HIPS, 0, girth=1.6, limbs=1.42, head=0.95)
    results = [at.painted("transfer", f"to_{k}.png", f"--source={me}", f"--target={to}") for k, to in enumerate(asked)]
    plain = at.painted("transfer", "heavy_plain.png", f"--source={me}", f"--target={heavy}")
    kept = at.painted("transfer", "heavy_kept.png", f"--source={me}", f"--target={heavy}", "--keep_proportions")
    return [[me, *asked, heavy], [kept, *results, plain]]


def several(at: Studio) -> list[list[str]]:
    """One photo against four."""
    photos = [at.photo(900006, f"at_{turned}.png", (), turned, True) for turned in (0, BACK, 90, -90)]
    pose = at.photo(900007, "seen_from_behind.png", WALK, 150)
    truth = at.photo(900006, "several_true.png", WALK, 150, True)
    one = at.painted("transfer", "from_1.png", f"--source={photos[0]}", f"--target={pose}")
    four = at.painted("transfer", "from_4.png", "--source", *photos, f"--target={pose}")
    return [photos, [pose, one, four, truth]]


def dress(at: Studio) -> list[list[str]]:
    """Clothes of another person."""
    rows = []
    for me, you, elsewhere in ((900008, 900009, False), (900010, 900011, True)):
        mine = at.photo(me, f"{me}.png", (), 10, elsewhere)
        yours = at.photo(you, f"{you}.png", HIPS, -10, elsewhere)
        pose = at.photo(900012, "walk.png", WALK, 30)
        who = f"--person={mine}", f"--clothes={yours}"
        top = at.painted("dress", f"{me}_top.png", *who, "--parts=top")
        both = at.painted("dress", f"{me}_both.png", *who, "--parts=top,bottom")
        walk = at.painted("dress", f"{me}_walk.png", *who, "--parts=top,bottom", f"--target={pose}")
        rows.append([mine, yours, top, both, walk])
    return rows


def moving(at: Studio) -> list[list[str]]:
    """A photo, moving: also `moving.webp` beside the rows."""
    from dpt_tf.images import video

    me = at.photo(900013, "still.png", (), 5, True)
    film = at.work / "film.mp4"
    with video.writer(film, 12) as out:
        for k in range(FRAMES):
            turn = 2 * np.pi * k / FRAMES
            swing = {("shoulder_right", "z"): 64 - 48 * np.cos(turn), ("elbow_right", "x"): -40 + 24 * np.cos(turn)}
            lift = {("hip_left", "x"): -24 * np.sin(turn), ("knee_left", "x"): 16 + 16 * np.sin(turn)}
            frame = at.photo(900014, f"film/{k:02}.png", swing | lift, 25 * np.sin(turn))
            out.add(np.asarray(Image.open(frame)))
    clip = pathlib.Path(at.painted("animate", "moving.webp", f"--person={me}", f"--poses={film}"))
    shown = [k * FRAMES // 5 for k in range(5)]
    frames = []
    with Image.open(clip) as painted:
        for k in shown:
            painted.seek(k)
            path = at.work / f"moving_{k:02}.png"
            painted.convert("RGB").save(path)
            frames.append(str(path))
    struck = [str(at.work / "film" / f"{k:02}.png") for k in shown]
    return [[me, *struck], [me, *frames]]


def maps(at: Studio) -> list[list[str]]:
    """From photos alone."""
    me = at.photo(900015, "alone.png", (), -10, True)
    pose = at.photo(900016, "posing.png", HIPS | WALK, 25, True)
    truth = at.photo(900015, "alone_true.png", HIPS | WALK, 25, True)
    shown = []
    for path in (me, pose):
        name = pathlib.Path(path).stem
        at.painted("pose", f"map_of_{name}.png", path, f"--show={at.work / f'{name}_shown.png'}")
        shown.append(str(at.work / f"{name}_shown.png"))
    result = at.painted("transfer", "alone_posing.png", f"--source={me}", f"--target={pose}")
    return [[me, shown[0], pose, shown[1], result, truth]]


ROWS = {"poses": poses, "several": several, "dress": dress, "moving": moving, "map": maps}


def main() -> None:
    """Paints, and writes each row."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--output", type=pathlib.Path, default=pathlib.Path("docs"))
    flags.add_argument("--work", type=pathlib.Path, default=pathlib.Path("runs/pictures"))
    flags.add_argument("--size", type=int, default=512)
    flags.add_argument("--only", default=",".join(ROWS))
    args = flags.parse_args()
    from dpt_tf.images import display

    for name in args.only.split(","):
        rows = ROWS[name](Studio(args.work, args.size))
        rows = [[np.asarray(Image.open(path).convert("RGB")) for path in row] for row in rows]
        edge = args.size // 6  # nobody stands there
        sheet = display.grid([[picture[:, edge:-edge] for picture in row] for row in rows])
        Image.fromarray(sheet).save(args.output / f"{name}.jpg", quality=85)
        if name == "moving":
            shutil.copy(args.work / "moving.webp", args.output)


if __name__ == "__main__":
    main()
