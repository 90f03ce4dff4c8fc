"""Pictures for a study, and workers who answer it as often right as they are told."""

import numpy as np
from PIL import Image

from dpt_tf.study import writing
from dpt_tf.study.protocol import FIGURES, TASKS

RATES = {"R2G": 0.13, "G2R": 0.17, "anatomy, real": 0.76, "anatomy, gen.": 0.41, "pose, gen.": 0.78}


def folders(place, count, shape=(6, 4)):
    """Real pictures `v0.png` ... and generated ones `source___v0.png` ..., each of a colour of its own."""
    for k in range(count):
        for kind, name in ("real", f"v{k}.png"), ("generated", f"source___v{k}.png"):
            (place / kind).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", shape, (k, 200 if kind == "real" else 20, 0)).save(place / kind / name)
    return place / "real", place / "generated"


def visit(key, worker, draw=None, rates=RATES, tasks=TASKS, ms=400.0, begun="2030-01-01"):
    """What the page writes of a worker who gives each figure's answer as often as `rates` say."""
    draw = draw or np.random.default_rng(0)
    answers = []
    for task in tasks:
        for item in key["tasks"][task]["practice"] + key["tasks"][task]["scored"]:
            kind = writing.kind_of(item, key)
            figure = next(each for each in FIGURES if (each.task, each.kind) == (task, kind))
            other = next(each for each in TASKS[task].answers if each != figure.answer)
            said = figure.answer if draw.random() < rates[figure.name] else other
            answers.append({"task": task, "item": item, "practice": False, "answer": said, "ms": ms})
    about = {"study": key["study"], "sheet": f"{worker}{begun}", "worker": worker, "begun": begun, "ended": begun}
    return about | {"agent": "", "answers": answers}
