"""The paths that users write stay, and cost nothing until they are used."""

import importlib
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import dpt_tf

PROMISED = [
    "load", "config.HParams", "iuv.read", "iuv.NotIUV", "ops.atlas.unwrap", "ops.atlas.splat", "ops.atlas.sample",
    "losses.l1", "losses.perceptual", "losses.style", "losses.gram", "losses.masked_l1", "losses.generator",
    "losses.discriminator", "metrics.ssim", "metrics.ms_ssim", "metrics.psnr", "data.read_keypoints",
    "data.ordered_pairs", "transfer.Transfer", "synthetic.generate", "study.make", "study.report",
    *(f"models.{name}.build" for name in ("predictive", "inpainting", "warping", "blending", "generator",
                                          "discriminator", "vgg")),
    "models.conditioning.planes",
]  # fmt: skip


@pytest.mark.parametrize("path", PROMISED)
def test_a_promised_path_is_there(path):
    found = dpt_tf
    for name in path.split("."):
        found = getattr(found, name)
    assert callable(found)


def test_importing_it_imports_nothing_heavy():
    code = "import sys, dpt_tf; print(sorted({'tensorflow', 'keras', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_every_folder_of_the_house_says_in_a_line_what_it_is():
    for module in pkgutil.iter_modules(dpt_tf.__path__):
        if module.ispkg:
            text = importlib.import_module(f"dpt_tf.{module.name}").__doc__
            assert text and len(text.splitlines()[0]) > 10, module.name


def test_only_the_numbers_and_the_losses_stand_loose_at_the_top():
    loose = {path.name for path in pathlib.Path(dpt_tf.__file__).parent.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py", "bounds.py", "config.py", "losses.py"}
