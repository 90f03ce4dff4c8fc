"""The TFDS builders, run by TFDS's own test case on small trees of made people."""

import importlib
import pathlib
import sys

import pytest

pytest.importorskip("apache_beam", reason="the builders run on Apache Beam: pip install 'dpt_tf[data]'")
pytest.importorskip("dill", reason="tfds.testing needs dill")

import tensorflow_datasets as tfds

DATASETS = pathlib.Path(__file__).resolve().parents[1] / "datasets"


def builder(name: str):
    sys.path.insert(0, str(DATASETS))
    try:
        return importlib.import_module(f"{name}.{name}_dataset_builder").Builder
    finally:
        sys.path.remove(str(DATASETS))


class DeepFashionByListsTest(tfds.testing.DatasetBuilderTestCase):
    """The configs with lists: two of the six items are for testing."""

    DATASET_CLASS = builder("deepfashion_pairs")
    BUILDER_CONFIG_NAMES_TO_TEST = ("dsc", "patn")
    SPLITS = {"train": 4, "test": 2}  # noqa: RUF012 - TFDS wants a plain dict


class DeepFashionAllTest(tfds.testing.DatasetBuilderTestCase):
    """The config without lists: a tenth, at least one, is for testing."""

    DATASET_CLASS = builder("deepfashion_pairs")
    BUILDER_CONFIG_NAMES_TO_TEST = ("all",)
    SPLITS = {"train": 5, "test": 1}  # noqa: RUF012


class MvcTest(tfds.testing.DatasetBuilderTestCase):
    """MVC: styles by seed."""

    DATASET_CLASS = builder("mvc_pairs")
    SPLITS = {"train": 3, "test": 1}  # noqa: RUF012
