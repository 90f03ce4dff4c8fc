"""From people's files to batches: `prepare` writes `records`, and `read` makes batches of them.

keypoints/   where joints are, and the file forms that say so
matching     which entry of a list belongs to which photo
pairing      which views make pairs
records      the one stored form of every data set
prepare/     folders, DeepFashion, MVC -> records
read/        records -> batches of (inputs, target)
"""

from dpt_tf.data.keypoints import ordered_pairs, read_keypoints

__all__ = ["ordered_pairs", "read_keypoints"]
