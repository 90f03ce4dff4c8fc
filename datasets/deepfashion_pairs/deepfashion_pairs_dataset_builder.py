"""DeepFashion In-shop with DensePose maps, as people in outfits seen from several sides."""

from dpt_tf.data.prepare import deepfashion
from dpt_tf.data.prepare.builder import PairsBuilder, PairsConfig
from dpt_tf.data.prepare.catalogue import Catalogue


class Builder(PairsBuilder):
    """DatasetBuilder for deepfashion_pairs."""

    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 - TFDS wants a plain dict
    HOMEPAGE = deepfashion.OFFICIAL
    BUILDER_CONFIGS = [  # noqa: RUF012
        PairsConfig(
            name="dsc",
            description="The paper's split: 1,000 test items and 8,670 test pairs, by DSC's lists.",
            protocol="dsc",
            rule="joints",
        ),
        PairsConfig(name="patn", description="Split and test pairs by PATN's lists.", protocol="patn", rule="joints"),
        PairsConfig(name="all", description="Every picture with a map; 1,000 test items drawn by seed."),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "dsc"
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""\
    1. In-shop Clothes Retrieval, from {deepfashion.OFFICIAL} (its owners give it to those who sign for it):
       unpack Img/img or Img/img_highres into the manual folder. Renamed copies (DSC, PATN, MultiModal) will do.
    2. IUV maps of its pictures: the ready ones of {deepfashion.READY_MAPS} (densepose.zip), or DensePose's own output,
       in the manual folder, beside the pictures or in a folder densepose/ or iuv/.
    3. For the configs dsc and patn their lists: fasion-annotation-train.csv, fasion-annotation-test.csv and, for the
       published order, fasion-pairs-test.csv (PATN: fasion-resize-...).
    """

    def catalogue(self, folder: str, config: PairsConfig) -> Catalogue:
        """What is in a user's folder."""
        return deepfashion.catalogue(folder, config.protocol, config.seed)
