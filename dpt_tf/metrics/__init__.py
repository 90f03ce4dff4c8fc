"""How alike two pictures are: one value per pair, and streaming means of them.

Pictures are uint8 `[B, H, W, 3]`; the first argument is the truth `y`, the second the generated `y_hat`. Every function
gives float32 `[B]`, over the whole picture or, given a `foreground` `[B, H, W]`, over the truth's person.

  pixels    L1, PSNR
  ssim      SSIM; its module has the table of protocols
  ms_ssim   SSIM over five scales
  fid       the Frechet Inception distance; its module, too, has a table of protocols
  scores    the bundle an evaluation uses
  maps      scores of a DensePose map against a true one, numpy alone
  gps       geodesic point similarity and its average precision, as DensePose-COCO has them
  streams   the interface of a metric, and means that stream and resume
"""

from dpt_tf.metrics.ms_ssim import ms_ssim
from dpt_tf.metrics.pixels import l1, psnr
from dpt_tf.metrics.scores import Scores
from dpt_tf.metrics.ssim import SSIM_PROTOCOLS, ssim

__all__ = ["SSIM_PROTOCOLS", "Scores", "l1", "ms_ssim", "psnr", "ssim"]
