"""The embedded data set: procedural people with exact DensePose maps.

  person(seed)                          who it is: body, skin, hair, outfit        (`figure`)
  sample_pose(rng, turned)              what a person may do with the joints       (`skeleton`)
  Camera.sample(rng)                    framing, light and backdrop                (`camera`)
  render(person, pose, camera, size)    image, iuv, keypoints                      (`render`)
  dressed(person), elsewhere(camera)    the same outside the studio                (`wardrobe`, `light`, `backdrops`)
  generate(data_dir, ...)               many of them, written as a data set        (`dataset`)
  write(folder, size)                   a few of them and poses, as plain files    (`examples`)

`iuv.charts` says where the 24 parts lie and how U and V run on them; `faults` spoils maps the way DensePose does.
"""

from dpt_tf.synthetic.camera import Camera
from dpt_tf.synthetic.dataset import generate, is_missing, refuse_others
from dpt_tf.synthetic.figure import KEYPOINTS, Person, person
from dpt_tf.synthetic.render import render
from dpt_tf.synthetic.skeleton import sample_pose

__all__ = [
    "KEYPOINTS",
    "Camera",
    "Person",
    "generate",
    "is_missing",
    "person",
    "refuse_others",
    "render",
    "sample_pose",
]
