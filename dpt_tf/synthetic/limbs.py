"""The tubes of the limbs at rest: arms, legs, hands and feet of the left side, as tables of cross-sections.

Rows of a table are knots: a place along the limb, then half-axes sideways, forwards and backwards; between knots they
run smoothly. Lengths in units of stature; axes as in `skeleton`.
"""

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic.anatomy import AHEAD, ANKLE, HIP, KNEE, SIDE, UP, Shape
from dpt_tf.synthetic.surface import Surface, loft, profile

_ARM = np.array(
    [  # distance from the shoulder joint in units of shoulder..elbow..wrist = 0..1..2, sideways, forwards, backwards
        [-0.22, 0.003, 0.003, 0.003],
        [-0.19, 0.016, 0.018, 0.018],
        [-0.10, 0.026, 0.029, 0.029],
        [0.0, 0.030, 0.034, 0.034],
        [0.20, 0.029, 0.034, 0.033],
        [0.50, 0.025, 0.029, 0.028],
        [0.90, 0.0215, 0.023, 0.022],
        [1.0, 0.022, 0.023, 0.022],
        [1.20, 0.022, 0.026, 0.024],
        [1.45, 0.0195, 0.023, 0.022],
        [1.80, 0.0145, 0.017, 0.016],
        [2.0, 0.0125, 0.0155, 0.0145],
    ]
)


def arm(shape: Shape, places: dict[str, NDArray]) -> Surface:
    """The left arm from inside the shoulder to the wrist."""
    station = np.concatenate([[-0.22, -0.20, -0.16, -0.1], np.linspace(0, 1, 10), np.linspace(1, 2.06, 11)[1:]])
    half = profile(_ARM, station) * shape.limbs * (1 - 0.1 * shape.female)
    at = np.array([places[f"{name}_left"] for name in ("shoulder", "elbow", "wrist")])
    centre = np.stack([np.interp(station, (0, 1, 2), at[:, k]) for k in range(3)], 1)
    length = at[0, 1] - at[1:, 1]
    centre[:, 1] = at[0, 1] - np.where(
        station < 1, station * length[0], length[0] + (station - 1) * (length[1] - length[0])
    )
    centre[:, 0] -= np.where(station < 0, 0.06 * station**2 * 6, 0)
    phi = np.arange(-130, 231, 20).astype(np.float32)
    points = loft(centre, half, phi[:-1], (SIDE, AHEAD))
    return Surface("arm_left", points, centre[:, 1].astype(np.float32), phi)


_LEG = np.array(
    [  # height, sideways, forwards, backwards
        [0.028, 0.013, 0.014, 0.020],
        [0.045, 0.0165, 0.018, 0.024],
        [0.065, 0.0165, 0.018, 0.020],
        [0.10, 0.018, 0.020, 0.021],
        [0.155, 0.025, 0.023, 0.033],
        [0.205, 0.030, 0.024, 0.040],
        [0.25, 0.029, 0.026, 0.035],
        [0.285, 0.029, 0.033, 0.029],
        [0.315, 0.032, 0.035, 0.031],
        [0.38, 0.040, 0.043, 0.042],
        [0.44, 0.046, 0.050, 0.053],
        [0.49, 0.048, 0.053, 0.063],
        [0.52, 0.046, 0.050, 0.066],
        [0.54, 0.039, 0.040, 0.060],
        [0.555, 0.026, 0.024, 0.042],
        [0.562, 0.004, 0.004, 0.006],
    ]
)


def leg(shape: Shape, places: dict[str, NDArray]) -> Surface:
    """The left leg from inside the hip to the ankle."""
    upper = np.array([0.562, 0.558, 0.55, 0.54, 0.53, 0.515, 0.50, 0.48, 0.46, 0.435, 0.41, 0.385, 0.36, 0.335, 0.31])
    station = np.concatenate([upper, [0.297, 0.285, 0.272], np.linspace(0.255, 0.028, 14)])
    half = profile(_LEG, station) * shape.limbs
    half[:, 0] += 0.004 * shape.female * np.exp(-(((station - 0.5) / 0.06) ** 2))
    knee = KNEE + shape.legs
    height = np.interp(station, (0.02, ANKLE, KNEE, HIP, 0.6), (0.02, ANKLE, knee, HIP, 0.6))
    at = np.array([places[f"{name}_left"] for name in ("ankle", "knee", "hip")])
    thick = (shape.limbs - 1) * 0.045  # thighs grow outwards, not into each other
    x = np.interp(height, at[:, 1], at[:, 0] + [thick * 0.5, thick * 0.7, thick])
    z = np.interp(height, at[:, 1], at[:, 2]) - 0.002
    phi = np.linspace(-90, 270, 21).astype(np.float32)
    points = loft(np.stack([x, height, z], 1), half, phi[:-1], (SIDE, AHEAD))
    return Surface("leg_left", points, height.astype(np.float32), phi)


_HAND = np.array(
    [  # distance from the wrist, sideways, forwards, backwards, towards the body
        [-0.004, 0.011, 0.013, 0.013, 0.0],
        [0.008, 0.011, 0.0145, 0.0145, 0.0],
        [0.022, 0.012, 0.019, 0.018, 0.001],
        [0.044, 0.0115, 0.021, 0.020, 0.003],
        [0.062, 0.009, 0.0195, 0.020, 0.006],
        [0.080, 0.0075, 0.0165, 0.018, 0.012],
        [0.094, 0.006, 0.012, 0.014, 0.019],
        [0.101, 0.003, 0.005, 0.007, 0.023],
        [0.1013, 0.0002, 0.0002, 0.0002, 0.0231],
    ]
)


def hand(shape: Shape, places: dict[str, NDArray]) -> list[Surface]:
    """The left hand, fingers together and slightly bent, and its thumb."""
    along = np.append(np.linspace(-0.004, 0.101, 12), 0.1013)
    size = (0.94 + 0.06 * shape.limbs) * (1 - 0.06 * shape.female)
    half = profile(_HAND, along)
    wrist = places["wrist_left"]
    centre = wrist + np.stack([-half[:, 3], -along, 0 * along], 1) * size
    phi = np.linspace(-67.5, 292.5, 17).astype(np.float32)
    points = loft(centre, half[:, :3] * size, phi[:-1], (SIDE, AHEAD), 2.3)
    height = (wrist[1] - along).astype(np.float32)
    thumb = np.linspace(0, 1, 7)
    middle = wrist + np.stack([-0.003 - 0.006 * thumb, -0.014 - 0.046 * thumb, 0.008 + 0.021 * thumb], 1) * size
    girth = (0.0085 * np.sqrt(np.clip(1.02 - thumb**3, 0.01, 1)))[:, None] * size * np.ones(3)
    small = loft(middle, girth, phi[:-1:2], (SIDE, AHEAD))
    return [
        Surface("hand_left", points, height, phi),
        Surface("hand_left", small, (middle[:, 1]).astype(np.float32), phi[::2]),
    ]


_FOOT = np.array(
    [  # z from the ankle, sideways, top, bottom, middle height
        [-0.0343, 0.0002, 0.0002, 0.0002, 0.022],
        [-0.034, 0.006, 0.008, 0.008, 0.022],
        [-0.031, 0.014, 0.018, 0.016, 0.021],
        [-0.020, 0.020, 0.034, 0.020, 0.022],
        [0.0, 0.022, 0.042, 0.021, 0.022],
        [0.018, 0.023, 0.034, 0.020, 0.021],
        [0.045, 0.026, 0.022, 0.016, 0.017],
        [0.075, 0.029, 0.015, 0.013, 0.014],
        [0.097, 0.027, 0.011, 0.010, 0.011],
        [0.110, 0.018, 0.008, 0.008, 0.009],
        [0.115, 0.004, 0.002, 0.003, 0.007],
        [0.1153, 0.0002, 0.0002, 0.0002, 0.007],
    ]
)


def foot(shape: Shape, places: dict[str, NDArray]) -> Surface:
    """The left foot from heel to toe, turned out a little; angle 0 is the instep."""
    along = np.concatenate(
        [[-0.0343, -0.034, -0.0325, -0.029, -0.022], np.linspace(-0.012, 0.1, 10), [0.107, 0.112, 0.115, 0.1153]]
    )
    half = profile(_FOOT, along) * (1 - 0.06 * shape.female)
    ankle = places["ankle_left"]
    centre = np.stack([ankle[0] + 0.10 * along, half[:, 3], ankle[2] + along], 1)
    phi = np.linspace(-90, 270, 17).astype(np.float32)
    points = loft(centre, half[:, :3], phi[:-1], (SIDE, UP), 2.4)
    points[..., 1] = np.maximum(points[..., 1], 0)
    return Surface("foot_left", points, along.astype(np.float32), phi)
