"""The picture of the page in `serving/README.md`: somebody clicks through it in a headless Chromium, then it is taken.

  python benchmarks/page_picture.py [--output=docs/page.png]

The first example, of several photos, in a ready pose. Needs the extras `web` and `dev` and a Chromium; a minute or two
on two cores.
"""

import argparse
import io
import pathlib
import re
import shutil
import subprocess
import sys

from PIL import Image

WIDTH, COLOURS = 960, 256
CHOSEN, POSE = ("Half turned", "Back", "Walking"), "Hands on hips"  # at first; in the picture


def clicked(page, address: str) -> bytes:
    """A PNG of all of the page, after the clicks."""
    page.goto(address)
    page.get_by_role("button", name="Paint the poses").wait_for()
    page.locator("#person0 img").nth(1).wait_for()
    page.get_by_role("tab", name="Several photos").click()
    page.locator("#several0 img").nth(5).wait_for()
    for name in CHOSEN:
        page.get_by_role("checkbox", name=name, exact=True).uncheck()
    page.get_by_role("checkbox", name=POSE, exact=True).check()
    page.get_by_role("button", name="Paint the poses").click()
    page.locator("#textures figure").nth(1).wait_for()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)
    return page.screenshot(full_page=True)


def main() -> None:
    """Starts the page, takes its picture, ends it."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--output", type=pathlib.Path, default=pathlib.Path("docs/page.png"))
    args = flags.parse_args()
    from playwright import sync_api

    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("no browser here: install chromium")
    command = [sys.executable, "-m", "serving.web", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://\S+", server.stdout.readline())
            if address is None:
                raise SystemExit("the page did not start")
            with sync_api.sync_playwright() as engine:
                chromium = engine.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
                page = chromium.new_page(viewport={"width": WIDTH, "height": 900})
                page.set_default_timeout(600_000)
                taken = clicked(page, address[0])
                chromium.close()
        finally:
            server.terminate()
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS).save(args.output, optimize=True)


if __name__ == "__main__":
    main()
