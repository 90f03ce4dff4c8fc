"""How fast synthetic people are made: views per second and core, posing, both ray casts, shading and PNG included.

  taskset -c 0 python benchmarks/synthetic.py [--sizes 64 128 256] [--people 6] [--views 8] [--backdrops every]

Prints a table and the same figures as one line of JSON. People are built once per `views` views, as on disk.
"""

import argparse
import json
import time

from dpt_tf.synthetic import dataset


def measure(size: int, people: int, views: int, backdrops: str) -> dict[str, float]:
    """Views per second of wall-clock and of processor time, at `size` pixels."""
    orders = [dataset.Order(dataset.number(0, "train", k), str(k), views, size, True, backdrops) for k in range(people)]
    wall, processor = time.perf_counter(), time.process_time()
    stored = sum(
        len(view["image"]) + len(view["iuv"]) for order in orders for view in dataset.make_item(order)["views"]
    )
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    count = people * views
    return {"size": size, "per_second": count / wall, "per_core_second": count / processor, "bytes": stored / count}


def main() -> None:
    """Measures each size once, after a warm-up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--backdrops", choices=dataset.BACKDROPS, default="studio")
    args = parser.parse_args()
    measure(64, 1, 2, args.backdrops)
    results = [measure(size, args.people, args.views, args.backdrops) for size in args.sizes]
    print(f"{'pixels':>8} {'views/s':>9} {'views/s/core':>13} {'bytes/view':>11}")
    for r in results:
        print(f"{r['size']:8d} {r['per_second']:9.1f} {r['per_core_second']:13.1f} {r['bytes']:11.0f}")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
