"""DensePose-COCO in small: annotations of the real form and the photo that they are of."""

import json

import numpy as np
from PIL import Image

# In the middle of a photo of 100 x 120; with its margins of a tenth a crop of 48 is two pixels for three.
BOX = [30.0, 20.0, 30.0, 60.0]


def runs_of(rows: slice, columns: slice) -> dict:
    from pycocotools import mask as runs

    mask = np.zeros((256, 256), np.uint8)
    mask[rows, columns] = 1
    coded = runs.encode(np.asfortranarray(mask))
    return {"size": coded["size"], "counts": coded["counts"].decode()}


def person(number=7, image=1, **more) -> dict:
    """Torso in the upper half of the box, a leg at the lower left; a point in each, and one at the corner."""
    masks: list = [[] for _ in range(14)]
    masks[0], masks[5] = runs_of(slice(0, 128), slice(None)), runs_of(slice(128, 256), slice(0, 128))
    made = {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": BOX,
        "area": 900.0,
        "iscrowd": 0,
        "keypoints": [0] * 51,
        "segmentation": [[0, 0, 1, 1, 0, 1]],
        "dp_masks": masks,
        "dp_x": [127.5, 51.0, 0.0],
        "dp_y": [63.75, 204.0, 0.0],
        "dp_I": [2.0, 9.0, 1.0],
        "dp_U": [0.25, 0.5, 1.0],
        "dp_V": [0.75, 1.0, 0.0],
    }
    return made | more


def crowd(number=8, image=1) -> dict:
    outline = {"size": [120, 100], "counts": [0, 12000]}
    return {"id": number, "image_id": image, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 1} | {
        "segmentation": outline
    }


def write(folder, people, name="densepose_coco_2014_train.json", photo="COCO_train2014_000000000001.jpg"):
    """Annotations and their photo, whose red is its column and whose green its row; `-> (annotations, pictures)`."""
    pictures = folder / "pictures"
    (pictures / "train2014").mkdir(parents=True, exist_ok=True)
    rows, columns = np.indices((120, 100), np.uint8)
    Image.fromarray(np.stack([columns * 2, rows * 2, 0 * rows], -1)).save(
        pictures / "train2014" / photo, quality=100, subsampling=0
    )
    images = [{"id": 1, "file_name": photo, "width": 100, "height": 120, "license": 1}]
    (folder / name).write_text(json.dumps({"info": {}, "images": images, "annotations": people}), encoding="utf-8")
    return folder / name, pictures
