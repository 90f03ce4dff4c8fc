"""A camera, a light and a plain backdrop: picture, exact IUV and keypoints of one view.

Both are ray casts (Embree): IUV is what the ray through each pixel's centre meets first on the *naked* body, as a
DensePose map describes the body's surface under the cloth; so legs show through a skirt, hair is the head or the back
behind it, and background where the body is not. Colour is the mean of 2 x 2 rays a pixel against the clothed one, and
alpha the share of them that meets it: skirt, hair and shoes are the person, the shadow on the floor is not.
Pixel (row, column) is centred at (row + 0.5, column + 0.5).
"""

import dataclasses

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from dpt_tf.synthetic import paint
from dpt_tf.synthetic.figure import KEYPOINTS, Person
from dpt_tf.synthetic.skeleton import Pose
from dpt_tf.synthetic.surface import Floats, normals

_SUBPIXELS = ((-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25))
_DEVICE: list[EmbreeDevice] = []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera in front of the person, its light and its backdrop. Lengths in statures."""

    distance: float = 4.0
    elevation: float = 0.0  # degrees it looks down
    fill: float = 0.88  # of the picture's height that the person takes
    lower: float = 0.0  # height of the picture's lower edge as a share of the person's: 0 shows the feet
    shift: tuple[float, float] = (0.0, 0.0)  # of the person, in shares of the picture (right, down)
    light: tuple[float, float, float] = (0.4, 0.7, 0.6)
    ambient: float = 0.6
    backdrop: tuple[float, float, float] = (0.95, 0.95, 0.95)
    gradient: float = 0.0
    floor: float = 0.3  # how dark the shadow at the feet is

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Camera":
        """As fashion photos are framed: full figures mostly, some to the thigh or the knee."""
        close = rng.random() < 0.22
        # A studio: white to light grey, as in the shops' photos that the networks are meant for.
        colour = 1 - 0.2 * rng.random() * np.ones(3) - 0.05 * rng.random(3)
        angle = rng.uniform(-70, 70)
        light = np.array([np.sin(np.deg2rad(angle)), rng.uniform(0.3, 1.2), np.cos(np.deg2rad(angle))])
        light /= np.linalg.norm(light)
        return cls(
            distance=float(rng.uniform(2.8, 5.5)),
            elevation=float(rng.uniform(-3, 9)),
            fill=float(rng.uniform(0.86, 0.97) if close else rng.uniform(0.8, 0.95)),
            lower=float(rng.uniform(0.12, 0.45)) if close else 0.0,
            shift=(float(rng.normal(0, 0.025)), float(rng.uniform(-0.4, 0.4))),
            light=(float(light[0]), float(light[1]), float(light[2])),
            ambient=float(rng.uniform(0.5, 0.75)),
            backdrop=(float(colour[0]), float(colour[1]), float(colour[2])),
            gradient=float(rng.uniform(0, 0.12)),
            floor=float(rng.uniform(0.1, 0.45)),
        )

    def framed_anew(self, rng: np.random.Generator) -> "Camera":
        """Another photo in the same studio: light and backdrop stay."""
        other = Camera.sample(rng)
        keep = ("light", "ambient", "backdrop", "gradient", "floor")
        return dataclasses.replace(other, **{name: getattr(self, name) for name in keep})


@dataclasses.dataclass(frozen=True)
class _View:
    """A placed camera: `focus` pixels per unit of slope, principal point, position and axes."""

    eye: NDArray
    axes: NDArray  # rows: right, up, towards the person
    focus: float
    middle: NDArray  # (x, y)

    def project(self, points: NDArray) -> NDArray:
        """`[N, 3]` -> pixel (x, y) `[N, 2]`, y down."""
        local = (points - self.eye) @ self.axes.T
        return self.middle + self.focus * local[:, :2] * (1, -1) / local[:, 2:]

    def rays(self, pixels: NDArray) -> Floats:
        """Directions of the rays through pixel positions (x, y) `[N, 2]`."""
        slope = (pixels - self.middle.astype(np.float32)) * np.array([1 / self.focus, -1 / self.focus], np.float32)
        return slope @ self.axes[:2].astype(np.float32) + self.axes[2].astype(np.float32)


def _place(camera: Camera, points: NDArray, size: int) -> _View:
    """Aims the camera and zooms so that the person fills the frame as asked, never wider than 96 % of it."""
    target = np.array([0, 0.5, 0])
    tilt = np.deg2rad(camera.elevation)
    back = np.array([0, np.sin(tilt), np.cos(tilt)])
    axes = np.stack([[1.0, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], -back])
    unit = _View(target + camera.distance * back, axes, 1.0, np.zeros(2))
    seen = unit.project(points)
    left, right = seen[:, 0].min(), seen[:, 0].max()
    top, bottom = seen[:, 1].min(), seen[:, 1].max()
    tall = (bottom - top) * (1 - camera.lower)
    focus = size * camera.fill / tall
    if camera.lower == 0:
        focus = min(focus, 0.96 * size / (right - left))
    margin = size - focus * tall
    rise = margin * (0.5 + camera.shift[1]) if camera.lower == 0 else size * (1 - camera.fill)
    slack = max(0.0, (size - focus * (right - left)) / 2)
    across = size / 2 - focus * (left + right) / 2 + np.clip(camera.shift[0] * size, -slack, slack)
    return dataclasses.replace(unit, focus=focus, middle=np.array([across, rise - focus * top]))


class _Scene:
    """Triangles to cast rays at from `eye`: those that face it, and all of `both` [F], the sheets without an inside.

    The first thing a ray from outside meets of a closed surface faces it, so the rest need not be there; building the
    scene takes longer than casting the rays.
    """

    def __init__(self, points: Floats, faces: NDArray, eye: NDArray, both: NDArray | None = None):
        a, b, c = (points[faces[:, k]] for k in range(3))
        facing = (np.cross(b - a, c - a) * (eye.astype(np.float32) - a)).sum(-1) > 0
        self._kept = np.flatnonzero(facing if both is None else facing | both)
        used = np.zeros(len(points), bool)
        used[faces[self._kept]] = True
        place = np.cumsum(used, dtype=np.int32) - 1
        if not _DEVICE:
            _DEVICE.append(EmbreeDevice())
        self._scene = EmbreeScene(_DEVICE[0])
        self._eye = eye.astype(np.float32)
        TriangleMesh(self._scene, points[used], place[faces[self._kept]])

    def cast(self, rays: Floats) -> tuple[NDArray, NDArray, Floats]:
        """Which rays from the eye hit, the triangles they hit and weights of the corners: `[K], [K], [K, 3]`."""
        origin = np.broadcast_to(self._eye, rays.shape).copy()
        found = self._scene.run(origin, rays, query="INTERSECT", output=1)
        hit = np.flatnonzero(found["primID"] >= 0)
        u, v = found["u"][hit], found["v"][hit]
        return hit, self._kept[found["primID"][hit]], np.stack([1 - u - v, u, v], -1)

    def blocked(self, origin: Floats, direction: Floats) -> NDArray[np.bool_]:
        """Whether something stands in the way from each origin `[N, 3]`."""
        towards = np.broadcast_to(direction, origin.shape).copy()
        return self._scene.run(origin, towards, query="OCCLUDED") >= 0


def _near(view: _View, points: NDArray, size: int) -> Floats:
    """Centres (x, y) of the pixels that the person can touch, `[N, 2]`: those of a coarse grid's cells with vertices.

    A cell is wider than any triangle, so a person who touches a cell has a vertex in it or in a cell beside it.
    """
    cell = max(2, int(np.ceil(0.022 * view.focus / 3)))
    cells = -(-size // cell)
    at = np.floor(view.project(points) / cell).astype(int)
    taken = np.zeros((cells + 4, cells + 4), bool)
    inside = ((at >= -2) & (at < cells + 2)).all(-1)
    taken[at[inside, 1] + 2, at[inside, 0] + 2] = True
    for axis in (0, 1):
        taken = taken | np.roll(taken, 1, axis) | np.roll(taken, -1, axis)
    rows, columns = np.nonzero(np.kron(taken[2:-2, 2:-2], np.ones((cell, cell), bool))[:size, :size])
    return np.stack([columns, rows], -1).astype(np.float32) + np.float32(0.5)


def _blend(values: Floats, weight: Floats) -> Floats:
    """Values at a triangle's corners `[N, 3, C]` by barycentric weights `[N, 3]`: `[N, C]`."""
    return np.einsum("nkc,nk->nc", values, weight)


def _map(person: Person, view: _View, points: Floats, pixels: NDArray, size: int) -> NDArray[np.uint8]:
    iuv = np.zeros((size, size, 3), np.uint8)
    hit, face, weight = _Scene(points, person.naked.faces, view.eye).cast(view.rays(pixels))
    part, uv = person.atlas
    x, y = pixels[hit].astype(int).T
    iuv[y, x, 0] = part[face]
    iuv[y, x, 1:] = np.clip(np.rint(_blend(uv[face], weight)), 0, 255)
    return iuv


def _picture(
    person: Person, view: _View, points: Floats, pixels: NDArray, camera: Camera, size: int
) -> NDArray[np.uint8]:
    mesh = person.clothed
    backdrop = _backdrop(camera, view, points, size)
    image = np.concatenate([backdrop, np.zeros((size, size, 1), np.float32)], -1)
    scene = _Scene(points, mesh.faces, view.eye, person.open_faces)
    samples = np.concatenate([pixels + np.array(offset, np.float32) for offset in _SUBPIXELS])
    rays = view.rays(samples)
    hit, face, weight = scene.cast(rays)
    at = _blend(mesh.corners[face], weight)
    colour = np.empty((len(hit), 3), np.float32)
    piece = mesh.piece[face]
    for index, name in enumerate(mesh.names):
        own = np.flatnonzero(piece == index)
        if len(own):
            colour[own] = paint.colours(person, name, at[own, 0], at[own, 1])
    vertices = np.concatenate([normals(points, mesh.faces), points], 1)
    both = _blend(vertices[mesh.faces[face]], weight)
    normal, where = both[:, :3], both[:, 3:]
    normal *= -np.sign((normal * rays[hit]).sum(-1, keepdims=True))
    light = np.array(camera.light, np.float32)
    facing = (normal @ light) / (np.linalg.norm(normal, axis=-1) + 1e-9)
    origin = (where + normal * 0.004 + light * 0.004).astype(np.float32)
    lit = np.zeros(len(hit), np.float32)
    towards = np.flatnonzero(facing > 0)
    lit[towards] = np.where(scene.blocked(origin[towards], light), 0.25, 1.0)
    sky = camera.ambient * (0.88 + 0.12 * normal[:, 1])
    wrap = np.clip(facing, 0, 1) ** 0.8
    colour *= np.clip(sky + (1.12 - camera.ambient) * wrap * lit, 0, 1.15)[:, None]
    total = np.zeros((len(pixels), 4), np.float32)
    slot = hit % len(pixels)
    for channel in range(3):
        total[:, channel] = np.bincount(slot, colour[:, channel], minlength=len(pixels))
    total[:, 3] = np.bincount(slot, minlength=len(pixels))
    x, y = pixels.astype(int).T
    share = total[:, 3:] / len(_SUBPIXELS)
    image[y, x, :3] = image[y, x, :3] * (1 - share) + total[:, :3] / len(_SUBPIXELS)
    image[y, x, 3:] = share
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)


def _backdrop(camera: Camera, view: _View, points: Floats, size: int) -> Floats:
    """A plain colour, darker downwards by `gradient`, and a soft shadow where the feet stand."""
    rows = np.linspace(0, 1, size, dtype=np.float32)
    image = np.array(camera.backdrop, np.float32) * (1 - camera.gradient * rows[:, None, None])
    image = np.repeat(image, size, 1)
    feet = points[points[:, 1] < 0.04]
    seen = view.project(feet)
    (x, y), wide = (seen.min(0) + seen.max(0)) / 2, (seen[:, 0].max() - seen[:, 0].min()) * 0.75 + 0.02 * size
    y = seen[:, 1].max()
    grid = np.arange(size) + 0.5
    blob = np.exp(-(((grid[:, None] - y) / (0.016 * size)) ** 2) - ((grid[None] - x) / wide) ** 2)
    return (image * (1 - camera.floor * blob[..., None])).astype(np.float32)


def _keypoints(view: _View, marks: dict[str, NDArray], size: int) -> NDArray[np.int32]:
    """(y, x) of the 18 joints; -1 outside the picture, and for a feature of the face that is turned away.

    A joint hidden behind the body keeps its place.
    """
    places = np.stack([marks[name] for name in KEYPOINTS])
    seen = np.floor(view.project(places)).astype(np.int32)
    inside = ((seen >= 0) & (seen < size)).all(-1)
    centre = (marks["Lear"] + marks["Rear"]) / 2
    out = places - centre
    to_eye = view.eye - centre
    to_eye = to_eye / np.linalg.norm(to_eye)
    faces = (out @ to_eye) / (np.linalg.norm(out, axis=-1) + 1e-9)
    limits = {"nose": -0.15, "Leye": -0.1, "Reye": -0.1, "Lear": -0.35, "Rear": -0.35}
    hidden = np.array([name in limits and faces[k] < limits[name] for k, name in enumerate(KEYPOINTS)])
    return np.where((inside & ~hidden)[:, None], seen[:, ::-1], -1).astype(np.int32)


def render(
    person: Person, pose: Pose, camera: Camera, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    """One view: image uint8 `[S, S, 4]`, iuv uint8 `[S, S, 3]` (I, U, V), keypoints int32 `[18, 2]` (y, x).

    The image is whole in its first three channels; the fourth, alpha, is how much of a pixel the person covers.
    """
    naked, clothed, marks = person.pose(pose)
    view = _place(camera, clothed, size)
    iuv = _map(person, view, naked, _near(view, naked, size), size)
    image = _picture(person, view, clothed, _near(view, clothed, size), camera, size)
    return image, iuv, _keypoints(view, marks, size)
