"""The DensePose R-CNN in plain PyTorch, the layers alone: a peer for `densepose.py`, in an environment with torch.

  python densepose_torch.py --size 800 --runs 3 [--depth 50] [--deeplab]

It does what one photo with one person costs: pyramid, proposals on five levels, 1000 boxes of the box head, decoder,
one person's head. Weights are random and norms folded; features are in channels_last, the faster layout on a CPU. What
is no layer (choosing boxes, pooling them, resizing maps) is left out, in the peer's favour.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


class Bottleneck(nn.Module):
    """1x1 with the stride, 3x3, 1x1, and what came in added."""

    def __init__(self, inputs: int, narrow: int, stride: int):
        super().__init__()
        self.one = nn.Conv2d(inputs, narrow, 1, stride)
        self.two = nn.Conv2d(narrow, narrow, 3, 1, 1)
        self.three = nn.Conv2d(narrow, 4 * narrow, 1)
        self.shortcut = nn.Conv2d(inputs, 4 * narrow, 1, stride) if inputs != 4 * narrow else nn.Identity()

    def forward(self, x):
        """`[1, C, H, W] -> [1, 4 narrow, H / stride, W / stride]`."""
        y = self.two(self.one(x).relu_()).relu_()
        return (self.three(y) + self.shortcut(x)).relu_()


class Network(nn.Module):
    """All layers."""

    def __init__(self, depth: int, deeplab: bool):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, 3)
        self.stages, inputs = nn.ModuleList(), 64
        for level, count in enumerate((3, 4, 6 if depth == 50 else 23, 3)):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(inputs, 64 << level, 2 if level and not block else 1))
                inputs = 256 << level
            self.stages.append(nn.Sequential(*blocks))
        self.lateral = nn.ModuleList(nn.Conv2d(256 << level, 256, 1) for level in range(4))
        self.output = nn.ModuleList(nn.Conv2d(256, 256, 3, 1, 1) for _ in range(4))
        self.rpn = nn.ModuleList([nn.Conv2d(256, 256, 3, 1, 1), nn.Conv2d(256, 15, 1)])
        self.box = nn.Sequential(
            nn.Linear(256 * 49, 1024), nn.ReLU(True), nn.Linear(1024, 1024), nn.ReLU(True), nn.Linear(1024, 6)
        )
        self.decoder = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(256, 256, 3, 1, 1) for _ in range(max(1, level))) for level in range(4)
        )
        self.last = nn.Conv2d(256, 256, 1)
        self.deeplab = deeplab
        if deeplab:
            self.branches = nn.ModuleList(
                self.normed(256, 256, 3 if dilation > 1 else 1, dilation) for dilation in (1, 6, 12, 56)
            )
            self.whole, self.project = self.normed(256, 256, 1, 1), nn.Conv2d(1280, 256, 1)
        layer = (lambda i: self.normed(i, 512, 3, 1)) if deeplab else self.plain
        self.head = nn.Sequential(*(layer(512 if number else 256) for number in range(8)))
        self.predictor = nn.ConvTranspose2d(512, 77, 4, 2, 1)

    @staticmethod
    def plain(inputs: int):
        """A convolution and relu."""
        return nn.Sequential(nn.Conv2d(inputs, 512, 3, 1, 1), nn.ReLU(True))

    @staticmethod
    def normed(inputs: int, outputs: int, size: int, dilation: int):
        """A convolution, group norm and relu."""
        conv = nn.Conv2d(inputs, outputs, size, 1, dilation * (size // 2), dilation, bias=False)
        return nn.Sequential(conv, nn.GroupNorm(32, outputs), nn.ReLU(True))

    def forward(self, x, boxes, person):
        """A picture, pooled boxes `[1000, 12544]` and a pooled person -> what the layers make of them."""
        x = functional.max_pool2d(self.stem(x).relu_(), 3, 2, 1)
        stages = []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        pyramid, above = [], None
        for level in (3, 2, 1, 0):
            here = self.lateral[level](stages[level])
            above = here if above is None else here + functional.interpolate(above, scale_factor=2.0, mode="nearest")
            pyramid.insert(0, self.output[level](above))
        pyramid.append(functional.max_pool2d(pyramid[-1], 1, 2))
        proposals = [self.rpn[1](self.rpn[0](level).relu_()) for level in pyramid]
        found = self.box(boxes)
        decoded = 0
        for level in range(4):
            x = pyramid[level]
            for conv in self.decoder[level]:
                x = conv(x).relu_()
                if level:
                    x = functional.interpolate(x, scale_factor=2.0, mode="bilinear")
            decoded = decoded + x
        decoded = self.last(decoded)
        if self.deeplab:
            whole = self.whole(person.mean((2, 3), keepdim=True)).expand_as(person)
            person = self.project(torch.cat([*(branch(person) for branch in self.branches), whole], 1)).relu_()
        outputs = functional.interpolate(self.predictor(self.head(person)), scale_factor=2.0, mode="bilinear")
        return proposals, found, decoded, outputs


def main() -> None:
    """Prints one line of JSON: `seconds`, the median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--depth", type=int, choices=(50, 101), default=50)
    parser.add_argument("--deeplab", action="store_true")
    args = parser.parse_args()
    network = Network(args.depth, args.deeplab).eval().to(memory_format=torch.channels_last)
    picture = torch.randn(1, 3, args.size, args.size).contiguous(memory_format=torch.channels_last)
    boxes, person = torch.randn(1000, 256 * 49), torch.randn(1, 256, 28, 28)
    seconds = []
    with torch.inference_mode():
        network(picture, boxes, person)
        for _ in range(args.runs):
            begun = time.perf_counter()
            network(picture, boxes, person)
            seconds.append(time.perf_counter() - begun)
    print(json.dumps({"seconds": statistics.median(seconds), "min": min(seconds)}))


if __name__ == "__main__":
    main()
