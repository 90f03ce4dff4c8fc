"""`dpt study`: a page that asks people what the paper's Table 2 asked, and the table of their answers.

dpt study --real=DIR --generated=DIR --pairs -o study     the page, for all three tasks
dpt study --report -o study                               the table of the answers in study/answers
"""

import argparse
import pathlib
import urllib.parse

from dpt_tf.commands import folders
from dpt_tf.study.protocol import COUNT, EXPOSURE, PRACTICE
from dpt_tf.system.errors import UserError, say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--real", type=folders.named, help="a folder of real pictures")
    parser.add_argument("--generated", type=folders.named, help="a folder of generated pictures")
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="also ask whether a generated picture is in its target's pose: the real picture of the same name, or "
        "TARGET in SOURCE___TARGET.png",
    )
    parser.add_argument("-o", "--output", type=folders.named, default=pathlib.Path("study"), help="the study's folder")
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures of either kind (default {COUNT})")
    parser.add_argument(
        "--practice", type=int, default=PRACTICE, help=f"of them, those that do not count (default {PRACTICE})"
    )
    parser.add_argument(
        "--exposure", type=float, default=EXPOSURE, help=f"seconds that a picture is seen for (default {EXPOSURE:g})"
    )
    parser.add_argument("--size", type=int, help="frame all pictures in squares of so many pixels")
    parser.add_argument("--seed", type=int, default=0, help="draws the pictures; of a report, the bootstrap")
    parser.add_argument(
        "--save_to", default="", metavar="URL", help="where the page posts answers as JSON, beside giving them as files"
    )
    parser.add_argument("--report", action="store_true", help="instead: the table of the answers to the study in -o")
    parser.add_argument(
        "--answers", type=folders.named, nargs="+", default=[], help="their files or folders (default: OUTPUT/answers)"
    )


def run(args: argparse.Namespace) -> int:
    """Writes a study, or reports on one."""
    if args.report:
        if args.real or args.generated or args.pairs or args.save_to:
            raise UserError("dpt study --report reads answers; leave out --real, --generated, --pairs and --save_to")
        return _report(args)
    if args.real is None or args.generated is None:
        raise UserError("dpt study: give --real=DIR and --generated=DIR; or --report with the study's folder as -o")
    if args.answers:
        raise UserError("dpt study: --answers goes with --report")
    if args.save_to and not _is_address(args.save_to):
        raise UserError(
            f"--save_to={args.save_to}: give an address, https://HOST/PATH, or /PATH on the page's own host"
        )
    from dpt_tf.study import make

    key = make(
        args.real,
        args.generated,
        args.output,
        pairs=args.pairs,
        count=args.count,
        practice=args.practice,
        exposure=args.exposure,
        size=args.size,
        seed=args.seed,
        save_to=args.save_to,
    )
    asked = ", ".join(
        f"{task} {len(items['practice'])} + {len(items['scored'])}" for task, items in key["tasks"].items()
    )
    say(f"{args.output / 'page' / 'index.html'}: open it, or put {args.output / 'page'} on a web server ({asked})")
    say(f"{args.output / 'key.json'}: which picture is which; keep it off the server")
    say(f"{args.output / 'answers'}: put what workers send there, then dpt study --report -o {args.output}")
    return 0


def _is_address(text: str) -> bool:
    try:
        address = urllib.parse.urlsplit(text)
    except ValueError:
        return False
    if address.scheme or address.netloc:
        return address.scheme in ("http", "https") and bool(address.netloc)
    return text.startswith("/")


def _report(args: argparse.Namespace) -> int:
    from dpt_tf.study import report, table

    print(table.markdown(report(args.output, args.answers, args.seed)))
    say(f"report: {args.output / 'report.json'}")
    return 0
