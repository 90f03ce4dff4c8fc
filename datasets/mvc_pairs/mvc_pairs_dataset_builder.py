"""MVC with DensePose maps, as styles seen from several sides."""

from dpt_tf.data.prepare import mvc
from dpt_tf.data.prepare.builder import PairsBuilder, PairsConfig
from dpt_tf.data.prepare.catalogue import Catalogue


class Builder(PairsBuilder):
    """DatasetBuilder for mvc_pairs."""

    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 - TFDS wants a plain dict
    HOMEPAGE = mvc.PAGE
    BUILDER_CONFIGS = [  # noqa: RUF012
        PairsConfig(name="all", description="Every style with maps; 1,000 test items drawn by seed."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""\
    1. The JSON lists of {mvc.PAGE} into the manual folder, and the pictures that image_links.json
       names, as <style>-<view>-4x.jpg, as p..._s..._v....jpg, or in a folder per style.
    2. IUV maps of the pictures, by DensePose, beside them, in a folder densepose/ or iuv/, or as one dump.
    """

    def catalogue(self, folder: str, config: PairsConfig) -> Catalogue:
        """What is in a user's folder."""
        return mvc.catalogue(folder, config.protocol, config.seed)
