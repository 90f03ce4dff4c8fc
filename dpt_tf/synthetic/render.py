"""Picture, exact IUV and keypoints of one view.

Both are ray casts (Embree): IUV is what the ray through each pixel's centre meets first on the *naked* body, as a
DensePose map describes the body's surface under the cloth; so legs show through a skirt, hair is the head or the back
behind it, and background where the body is not. Colour is the mean of 2 x 2 rays a pixel against the clothed one, and
alpha the share of them that meets it: skirt, hair and shoes are the person, the shadow on the floor is not.
Pixel (row, column) is centred at (row + 0.5, column + 0.5).
"""

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from dpt_tf.synthetic import light, paint
from dpt_tf.synthetic.camera import Camera, View, place
from dpt_tf.synthetic.figure import KEYPOINTS, Person
from dpt_tf.synthetic.skeleton import Pose
from dpt_tf.synthetic.surface import Floats, normals

_SUBPIXELS = ((-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25))
_DEVICE: list[EmbreeDevice] = []


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


def _near(view: View, points: NDArray, size: int) -> Floats:
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


def _map(person: Person, view: View, points: Floats, pixels: NDArray, size: int) -> NDArray[np.uint8]:
    iuv = np.zeros((size, size, 3), np.uint8)
    hit, face, weight = _Scene(points, person.naked.faces, view.eye).cast(view.rays(pixels))
    part, uv = person.atlas
    x, y = pixels[hit].astype(int).T
    iuv[y, x, 0] = part[face]
    iuv[y, x, 1:] = np.clip(np.rint(_blend(uv[face], weight)), 0, 255)
    return iuv


def _picture(
    person: Person, view: View, points: Floats, pixels: NDArray, camera: Camera, size: int
) -> NDArray[np.uint8]:
    mesh = person.clothed
    backdrop = light.on_backdrop(camera, view, points, size)
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
    colour = light.on_person(camera, scene.blocked, colour, normal, where, hit // len(pixels))
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


def _keypoints(view: View, marks: dict[str, NDArray], size: int) -> NDArray[np.int32]:
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
    view = place(camera, clothed, size)
    iuv = _map(person, view, naked, _near(view, naked, size), size)
    image = _picture(person, view, clothed, _near(view, clothed, size), camera, size)
    return image, iuv, _keypoints(view, marks, size)
