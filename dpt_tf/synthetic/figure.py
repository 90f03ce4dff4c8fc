"""One person in one outfit: the naked body that DensePose would map and the clothed one that a camera sees."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic import anatomy, body, drape, skeleton
from dpt_tf.synthetic.hair import Hair
from dpt_tf.synthetic.hat import Hat
from dpt_tf.synthetic.outfit import Outfit
from dpt_tf.synthetic.skeleton import Pose
from dpt_tf.synthetic.surface import Floats, Surface, normals

_SHEETS = ("skirt", "tunic", "hair", "hat")


@dataclasses.dataclass
class Mesh:
    """`points` [N, 3] at rest, `faces` [F, 3]; per corner (height, phi) `[F, 3, 2]`; per face its piece."""

    points: Floats
    faces: NDArray[np.int32]
    corners: Floats
    piece: NDArray[np.int16]
    names: tuple[str, ...]
    spans: tuple[slice, ...]  # each surface's points


def _faces_inwards(surface: Surface, faces: NDArray) -> bool:
    """Whether the triangles of a tube face inwards."""
    out = surface.points - surface.points.mean(1, keepdims=True)
    return bool((normals(surface.points.reshape(-1, 3), faces) * out.reshape(-1, 3)).sum() < 0)


def _join(surfaces: list[Surface]) -> Mesh:
    names = tuple(dict.fromkeys(surface.name for surface in surfaces))
    points, faces, corners, piece, spans = [], [], [], [], []
    start = 0
    for surface in surfaces:
        flat = surface.points.reshape(-1, 3)
        points.append(flat)
        vertex, corner = surface.triangles()
        if surface.closed and _faces_inwards(surface, vertex):
            vertex, corner = vertex[:, ::-1], corner[:, ::-1]
        faces.append(vertex + np.int32(start))
        corners.append(surface.corner_grid().reshape(-1, 2)[corner])
        piece.append(np.full(len(vertex), names.index(surface.name), np.int16))
        spans.append(slice(start, start + len(flat)))
        start += len(flat)
    whole = [np.concatenate(part) for part in (points, faces, corners, piece)]
    return Mesh(whole[0], whole[1], whole[2], whole[3], names, tuple(spans))


def _weights(name: str, points: NDArray, places: dict[str, NDArray]) -> dict[str, NDArray]:
    """How much of each joint's angle the rest points of a surface feel, by their height."""
    y = points[:, 1]

    def ramp(low: float, high: float) -> NDArray:
        s = np.clip((y - low) / (high - low), 0, 1)
        return (s * s * (3 - 2 * s)).astype(np.float32)

    if name == "torso":
        return {"waist": ramp(0.56, 0.66), "chest": ramp(0.65, 0.77)}
    if name == "head":
        return {"neck": ramp(0.828, 0.856), "head": ramp(0.850, 0.880)}
    if name == "hat":
        return {"neck": np.ones_like(y), "head": np.ones_like(y)}
    if name == "hair":
        return {"neck": 0.35 + 0.65 * ramp(0.74, 0.86), "head": 0.15 + 0.85 * ramp(0.74, 0.89)}
    for joint in ("elbow", "knee"):
        if name.startswith({"elbow": "arm", "knee": "leg"}[joint]):
            middle = places[f"{joint}_left"][1]
            return {f"{joint}_{name.split('_')[1]}": 1 - ramp(middle - 0.035, middle + 0.035)}
    return {}


@dataclasses.dataclass(frozen=True)
class Person:
    """Everything that stays when the pose changes. `seed` is all it takes to get the person again."""

    seed: int
    shape: anatomy.Shape
    outfit: Outfit
    hair: Hair
    skin: tuple[float, float, float]
    eyes: tuple[float, float, float]
    hat: Hat | None = None

    @functools.cached_property
    def joints(self) -> dict[str, NDArray]:
        """Rest positions of the joints."""
        return anatomy.joints(self.shape)

    @functools.cached_property
    def naked(self) -> Mesh:
        """The body that maps describe."""
        return _join(body.surfaces(self.shape))

    @functools.cached_property
    def atlas(self) -> tuple[NDArray[np.uint8], Floats]:
        """Part `[F]` and (U, V) `[F, 3, 2]` in levels of the naked body's triangles."""
        part = np.zeros(len(self.naked.faces), np.uint8)
        uv = np.zeros((len(part), 3, 2), np.float32)
        for index, name in enumerate(self.naked.names):
            own = self.naked.piece == index
            surface = Surface(name, self.naked.points[None], np.zeros(1, np.float32), np.zeros(1, np.float32))
            part[own], uv[own] = body.atlas(surface, self.joints, self.naked.corners[own])
        return part, uv

    @functools.cached_property
    def clothed(self) -> Mesh:
        """The body in its clothes, then hair and hat, then hanging cloth (whose points `pose` fills in)."""
        dressed = []
        for surface in body.surfaces(self.shape):
            mesh = _join([surface])
            grid = surface.corner_grid()[:, : surface.points.shape[1]]
            height, phi = grid[..., 0], grid[..., 1]
            away = self.outfit.offset(surface.name, height, phi, self.joints)
            if surface.name == "head":
                away = away + self.hair.offset(height, phi)
            out = normals(mesh.points, mesh.faces).reshape(surface.points.shape)
            if surface.name.startswith("foot"):
                away = away * (surface.points[..., 1] > 0.001)
            dressed.append(
                dataclasses.replace(surface, points=surface.points + (away[..., None] * out).astype(np.float32))
            )
        hanging = [drape.surface(name, heights) for name, heights in self._rings.items()]
        worn = self.hat.surfaces(self.shape.head) if self.hat else []
        return _join(dressed + self.hair.surfaces(self.shape.head) + worn + hanging)

    @functools.cached_property
    def open_faces(self) -> NDArray[np.bool_]:
        """Which triangles of `clothed` belong to sheets that can be seen from within: skirts, long hair."""
        sheets = [self.clothed.names.index(name) for name in _SHEETS if name in self.clothed.names]
        return np.isin(self.clothed.piece, sheets)

    @functools.cached_property
    def _rings(self) -> dict[str, NDArray]:
        return drape.rings(self.outfit)

    def pose(self, pose: Pose) -> tuple[Floats, Floats, dict[str, NDArray]]:
        """Naked points, clothed points and keypoints' places (each in space, the lowest foot on y = 0) in `pose`."""
        posed = skeleton.Posed(pose, self.joints)
        naked, clothed = self._bend(self.naked, posed), self._bend(self.clothed, posed)
        if self._rings:
            clothed[self._hanging] = self._drape(posed)
        marks = {name: posed.bend(place[None], chain)[0] for name, (place, chain) in self.landmarks.items()}
        floor = np.array([0, clothed[:, 1].min(), 0], np.float32)
        return naked - floor, clothed - floor, {name: place - floor for name, place in marks.items()}

    @functools.cached_property
    def _hanging(self) -> slice:
        spans = self.clothed.spans[-len(self._rings) :]
        return slice(spans[0].start, spans[-1].stop)

    @functools.cached_property
    def _rigs(self) -> dict[int, list[tuple[slice, tuple[str, ...], dict[str, NDArray]]]]:
        rigs: dict[int, list[tuple[slice, tuple[str, ...], dict[str, NDArray]]]] = {}
        for key, mesh in enumerate((self.naked, self.clothed)):
            rigs[key] = []
            piece_of = np.zeros(len(mesh.points), np.int16)
            piece_of[mesh.faces] = mesh.piece[:, None]
            for span in mesh.spans:
                name = mesh.names[piece_of[span.start]]
                if name in ("skirt", "tunic"):
                    continue
                chain = skeleton.CHAINS["head" if name in ("hair", "hat") else name]
                rigs[key].append((span, chain, _weights(name, mesh.points[span], self.joints)))
        return rigs

    def _bend(self, mesh: Mesh, posed: skeleton.Posed) -> Floats:
        points = mesh.points.copy()
        for span, chain, weights in self._rigs[int(mesh is self.clothed)]:
            points[span] = posed.bend(mesh.points[span], chain, weights)
        return points

    def _drape(self, posed: skeleton.Posed) -> Floats:
        """Hanging cloth: in the pelvis' frame round torso and legs, then carried with the pelvis."""
        below = []
        for span, chain, weights in self._rigs[1]:
            if chain[0].startswith("knee"):
                below.append(posed.bend(self.clothed.points[span], chain[:-1], weights))
            elif chain == skeleton.CHAINS["torso"]:
                torso = self.clothed.points[span]
                below.append(torso[torso[:, 1] < 0.66])
        surrounded = np.concatenate(below)
        tubes = [drape.hang(name, heights, self.outfit, surrounded) for name, heights in self._rings.items()]
        points = np.concatenate([tube.reshape(-1, 3) for tube in tubes])
        # The waistband follows the trunk a little, so that it does not cut into a bent back.
        share = np.clip((points[:, 1] - 0.56) / 0.1, 0, 1).astype(np.float32)
        return posed.bend(points, ("waist", "pelvis"), {"waist": share * share * (3 - 2 * share)})

    @functools.cached_property
    def landmarks(self) -> dict[str, tuple[NDArray, tuple[str, ...]]]:
        """Rest place and chain of each of the 18 keypoints, in the order of `KEYPOINTS`."""
        head = {"nose": (0, 0.911, 0.068), "Leye": (0.018, 0.934, 0.052), "Lear": (0.05, 0.925, -0.004)}
        places = {"neck": (np.array((0, 0.815, 0.0), np.float32), skeleton.CHAINS["torso"])}
        for side, letter in (("left", "L"), ("right", "R")):
            for name, joint, piece in (
                ("sho", "shoulder", "arm"),
                ("elb", "elbow", "arm"),
                ("wri", "wrist", "hand"),
                ("hip", "hip", "leg"),
                ("kne", "knee", "leg"),
                ("ank", "ankle", "foot"),
            ):
                chain = skeleton.CHAINS[f"{piece}_{side}"]
                joint = f"{joint}_{side}"
                start = chain.index(joint)  # a joint does not move itself
                places[letter + name] = self.joints[joint], chain[start + 1 :]
        base = np.array((0, 0.842, 0), np.float32)
        for name, place in head.items():
            left = base + (np.array(place, np.float32) - base) * np.float32(self.shape.head)
            places[name] = left, skeleton.CHAINS["head"]
            if name != "nose":
                places["R" + name[1:]] = left * np.array([-1, 1, 1], np.float32), skeleton.CHAINS["head"]
        return {name: places[name] for name in KEYPOINTS}


KEYPOINTS = (
    *("nose", "neck", "Rsho", "Relb", "Rwri", "Lsho", "Lelb", "Lwri", "Rhip", "Rkne", "Rank", "Lhip", "Lkne", "Lank"),
    *("Leye", "Reye", "Lear", "Rear"),
)
_TONES = np.array([[0.97, 0.82, 0.72], [0.91, 0.71, 0.58], [0.80, 0.60, 0.45], [0.62, 0.42, 0.29], [0.40, 0.26, 0.18]])
_EYES = ((0.25, 0.15, 0.08), (0.12, 0.08, 0.06), (0.3, 0.45, 0.6), (0.3, 0.4, 0.25))


def person(seed: int) -> Person:
    """The person number `seed`: always the same one for the same number."""
    rng = np.random.default_rng((seed, 0x9E09))
    shape = anatomy.Shape.sample(rng)
    tone = rng.uniform(0, len(_TONES) - 1)
    skin = [float(np.interp(tone, range(len(_TONES)), _TONES[:, k])) for k in range(3)]
    return Person(
        seed=seed,
        shape=shape,
        outfit=Outfit.sample(rng, shape.female),
        hair=Hair.sample(rng, shape.female),
        skin=(skin[0], skin[1], skin[2]),
        eyes=_EYES[rng.integers(len(_EYES))],
    )
