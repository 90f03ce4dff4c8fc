"""Pairs of pictures as unlike as truths and generated pictures are; the same ones wherever they are made.

As a program it prints the reference values of tests/data/ms_ssim.json, made with the independent PyPI package:

  pip install torch==2.13.0 pytorch-msssim==1.0.0 && python tests/lookalikes.py > tests/data/ms_ssim.json
"""

import json

import numpy as np

SEED, COUNT = 7, 30
SIZES = ((256, 256), (256, 176))


def pairs(seed, count, size):
    """`(y, y_hat)`, uint8 `[count, H, W, 3]` each: patches under fine grain, then paler, noisy, smoothed or shifted."""
    rng = np.random.default_rng(seed)
    rows, columns = (-(-side // 16) for side in size)
    patches = np.kron(rng.integers(0, 256, (count, rows, columns, 3)), np.ones((1, 16, 16, 1), int))
    y = patches[:, : size[0], : size[1]] * 3 // 4 + rng.integers(0, 64, (count, *size, 3))
    y_hat = y.copy()
    for i in range(count):
        if i % 4 == 0:
            y_hat[i] = y_hat[i] * rng.integers(4, 9) // 8 + rng.integers(0, 30)
        if i % 4 != 3:
            spread = int(rng.integers(1, 80))
            y_hat[i] = y_hat[i] + rng.integers(-spread, spread + 1, (*size, 3))
        if i % 4 == 2:
            y_hat[i] = (y_hat[i] + np.roll(y_hat[i], 1, 0) + np.roll(y_hat[i], 1, 1) + np.roll(y_hat[i], 2, 1)) // 4
        if i % 4 == 3:
            y_hat[i] = np.roll(y_hat[i], rng.integers(0, 4, 2), (0, 1))
    return y.astype(np.uint8), y_hat.clip(0, 255).astype(np.uint8)


def _main():
    import torch
    from pytorch_msssim import ms_ssim

    values = {}
    for height, width in SIZES:
        y, y_hat = (torch.from_numpy(x).permute(0, 3, 1, 2).double() for x in pairs(SEED, COUNT, (height, width)))
        values[f"{height}x{width}"] = ms_ssim(y, y_hat, data_range=255, size_average=False).tolist()
    made_with = "pytorch-msssim 1.0.0 (ms_ssim, data_range=255, float64), torch 2.13.0"
    print(json.dumps({"made_with": made_with, "command": "python tests/lookalikes.py", "values": values}, indent=1))


if __name__ == "__main__":
    _main()
