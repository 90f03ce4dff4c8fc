"""Where a person's joints are, and the file forms that say so.

A view has 18 joints, `[18, 2]`, (y, x) in pixels of its picture, -1 where missing, in the order of `JOINTS`; left and
right are the person's. `annotations` reads the csv of DSC, PATN and their followers, `openpose` reads OpenPose's JSON
and tells whose joints are meant, `lookup` finds the joints of each photo of a folder.
"""

from dpt_tf.data.keypoints.annotations import JOINTS, read_keypoints
from dpt_tf.data.keypoints.lookup import Joints, of_photos
from dpt_tf.data.keypoints.openpose import on_person, read_openpose

__all__ = ["JOINTS", "Joints", "of_photos", "on_person", "read_keypoints", "read_openpose"]
