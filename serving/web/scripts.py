"""What the browser does by itself: the sentence for a file too large, and who is meant by a click into a photo."""

# gradio tells of a file too large for a few seconds only; this stays until the next file.
_SIZES = """
for (const kind of ["change", "drop", "click"]) document.addEventListener(kind, event => {
  const box = event.target.closest?.("#photo, #map, #own, #photos, #clothes, #clothes_map, #several, #file, #film");
  if (!box) return;
  box.querySelectorAll(".said").forEach(said => said.remove());
  const files = kind === "drop" ? event.dataTransfer.files : kind === "change" ? event.target.files : [];
  for (const file of files ?? []) if (file.size > MOST) {
    const said = document.createElement("p");
    said.className = "said";
    said.role = "alert";
    said.textContent = `${file.name}: ${Math.ceil(file.size / 1e6)} MB are too many; ${MOST / 1e6} MB at most`;
    box.append(said);
  }
}, true);
"""

# A wish is typed into the field of the panel, as its user could; Enter sends it.
_WISHES = """
let corner = null;
const wish = (panel, said) => {
  const field = document.querySelector(`#${panel.dataset.field} :is(input, textarea)`);
  const mine = panel.dataset.photo;
  const others = field.value.split(";").map(one => one.trim())
    .filter(one => one && one.split(":")[0].trim() !== mine);
  field.value = mine ? [...others, `${mine}: ${said}`].join("; ") : said;
  field.dispatchEvent(new Event("input", {bubbles: true}));
  setTimeout(() => field.dispatchEvent(new KeyboardEvent("keypress", {key: "Enter", bubbles: true})), 50);
};
const pressed = event => {
  const panel = event.target.closest?.(".asked"), button = event.target.closest?.("button.wish");
  return panel && button && {panel, wish: button.dataset.wish, of: panel.dataset.field + (panel.dataset.photo ?? "")};
};
// Panels are drawn anew as maps come in. A button that is pressed just then is gone when it is let go, and would get no
// click; so a press counts where it ends on the same button as it was or as it is now. Keys click as ever.
let down = null;
document.addEventListener("pointerdown", event => down = pressed(event));
document.addEventListener("pointerup", event => {
  const up = pressed(event);
  if (up && up.of === down?.of && up.wish === down.wish) wish(up.panel, up.wish);
  down = null;
});
document.addEventListener("click", event => {
  const panel = event.target.closest?.(".asked"), shown = event.target.closest?.(".boxes");
  const key = event.detail === 0 && pressed(event);
  if (key) wish(key.panel, key.wish);
  if (!panel || !shown) return;
  const edges = shown.getBoundingClientRect(), {width, height} = shown.dataset;
  const x = (event.clientX - edges.left) / edges.width, y = (event.clientY - edges.top) / edges.height;
  const at = [Math.round(x * width), Math.round(y * height)];
  if (corner?.shown !== shown) {
    corner?.mark.remove();
    const mark = document.createElement("i");
    mark.style.left = `${100 * x}%`;
    mark.style.top = `${100 * y}%`;
    shown.append(mark);
    corner = {shown, at, mark};
    return;
  }
  const [a, b] = [corner.at, at];
  corner.mark.remove();
  corner = null;
  wish(panel, [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])].join(","));
});
"""


def head(most_bytes: int) -> str:
    """The scripts for the page's head; a file of more than `most_bytes` gets a sentence."""
    return f"<script>{_SIZES.replace('MOST', str(most_bytes))}{_WISHES}</script>"
