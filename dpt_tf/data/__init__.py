"""From people's files to batches: `prepare` writes `records`, and `read` makes batches of them.

  a folder of photos, DeepFashion, MVC  --prepare-->  records on disk  --read-->  batches of (inputs, target)

keypoints/   where joints are, and the file forms that say so
matching     which entry of a list, a dump or another folder belongs to which photo
pairing      the rules: which views make pairs, for training and for testing
records      the one stored form of every data set of pairs: items with all their views, written and opened
sparse_records  that of people of whom single points are known (DensePose-COCO)
prepare/     photos and maps -> records: `prepare.folders` reads a folder of one's own (written by
             `commands.prepare`), `prepare.pipeline` a collection
read/        records -> batches: `read.training` draws the pairs and neighbours of an epoch, `read.evaluation` lists
             the pairs to score, `read.stored` decodes; `read.densepose` makes maps of points, for training too
"""

from dpt_tf.data.keypoints import read_keypoints
from dpt_tf.data.pairing import ordered_pairs

__all__ = ["ordered_pairs", "read_keypoints"]
