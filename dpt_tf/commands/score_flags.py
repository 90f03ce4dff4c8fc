"""The flags that say which scores pictures get: for `dpt evaluate` and `dpt experiment` alike."""

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Protocol and networks."""
    parser.add_argument("--protocol", default="dsc", help="dsc (the paper's), patn, all, or SSIM protocols joined by +")
    parser.add_argument(
        "--fid",
        default="test",
        help="FID protocols joined by +: test, train@256.jpeg (GFLA's), train@299 (clean-fid's) and others",
    )
    parser.add_argument(
        "--inception", type=_handle, help="for IS and FID: a TF-Hub handle, a SavedModel, or keras (another network)"
    )
    parser.add_argument(
        "--detector",
        type=_handle,
        help="for the detection score: ssdlite (PASCAL VOC's people), a TF-Hub handle, a SavedModel or a frozen graph",
    )
    parser.add_argument(
        "--detector_classes",
        choices=("coco", "voc", "voc_person"),
        default="",
        help="what it was trained on; voc_person: VOC's people alone; default coco, of ssdlite voc_person",
    )
    parser.add_argument("--lpips", type=_handle, help="for LPIPS: a SavedModel of two batches of pictures in [-1, 1]")


def networks(args: argparse.Namespace):
    """The `evaluation.score_set.Networks` of the flags."""
    from dpt_tf.evaluation.score_set import Networks

    return Networks(args.inception, args.detector, args.detector_classes, args.lpips)


def _handle(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name a folder or a handle, or leave it out")
    return text
