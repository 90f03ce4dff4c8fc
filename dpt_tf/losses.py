"""The losses of Sec. 3.4 and Appendix A, and those of maps: pure functions, one value per example, no weights.

y is the truth, y_hat what the network painted; everything is computed in float32, whatever the networks ran in.

Note:
  The paper does not say how Eqs. 1 to 3 are normalised. Each docstring says how they are here: so that no term changes
  its size with the resolution, and the weights 1, 0.5, 5e5 and 0.1 of Sec. 4.1 bring all four terms to the order of 1.

The losses of maps are DensePose's (Güler et al., CVPR 2018): cross entropy of the parts, smooth L1 of U and V of the
true part only, where somebody labelled them, so people with a dense truth and people with a hundred points are learnt
from alike. Of the latter `parts_at_points` takes the place of `parts`. An output is smaller than the photo; each of its
places is held against the pixels that it stands for.
"""

import tensorflow as tf

# How much a pixel of a part counts in `parts`: background less, for most of a picture is; hands, feet and the head
# more, for they are small and tell which side is seen.
PART_WEIGHTS = (0.3, 1, 1, 2, 2, 2, 2, *[1] * 16, 2, 2)


def l1(y, y_hat):
    """|y - y_hat|, averaged. `[B, ...]` twice -> `[B]`."""
    y, y_hat = _float32(y, y_hat)
    return _mean(tf.abs(y - y_hat))


def perceptual(features_y, features_y_hat):
    """sum_v ||Phi_v(y) - Phi_v(y_hat)||_2, Eq. 1. Two lists of `[B, h, w, c]` -> `[B]`.

    Note:
      A layer's norm is divided by sqrt(h w c), which makes it a root mean square, and by 255: VGG sees pixels in
      0..255 and is all but homogeneous, so this is what it would answer to an image in 0..1.
    """
    return tf.add_n(
        [
            _root(_mean(tf.square((phi - phi_hat) / 255)))
            for phi, phi_hat in (_float32(*pair) for pair in zip(features_y, features_y_hat, strict=True))
        ]
    )


def gram(features):
    """G_cc' = sum_hw F_c F_c' / (C H W), Eq. 2. `[B, H, W, C] -> [B, C, C]`."""
    (features,) = _float32(features)
    batch, height, width, channels = tf.unstack(tf.shape(features))
    flat = tf.reshape(features, [batch, height * width, channels])
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(channels * height * width, tf.float32)


def style(features_y, features_y_hat):
    """sum_v ||G_v(y) - G_v(y_hat)||_F, Eq. 3. Two lists of `[B, h, w, c]` -> `[B]`.

    Note:
      Features are divided by 255 as in Eq. 1, and a layer's norm by the C^2 entries of its matrix, as Liu et al.
      (2018) do it. The entries of a Gram matrix are about 1/C, their differences a tenth of that: divided by C^2 a
      layer gives about 1e-6 to 1e-5, and 5e5 times it is of the order of 1. Without this division the term would
      drown all others.
    """
    total = 0.0
    for f, f_hat in zip(features_y, features_y_hat, strict=True):
        difference = (gram(f) - gram(f_hat)) / 255**2
        norm = _root(tf.reduce_sum(tf.square(difference), [1, 2]))
        total += norm / tf.cast(tf.shape(difference)[-1], tf.float32) ** 2
    return total


def masked_l1(y, observed, y_hat):
    """sum_j sum_{x in S(T_j)} |T_hat[x] - T_j[x]|, Eq. 6: only what a neighbour view shows counts.

    Args:
      y: T_j, `[B, K, P, R, R, C]`, the textures of K neighbour views.
      observed: S(T_j), `[B, K, P, R, R, 1]`, 1 where view j shows the texel.
      y_hat: T_hat, `[B, P, R, R, C]`, one texture for all of them.

    Returns:
      `[B]`; an example of which nothing is observed gives 0.

    Note:
      A neighbour's sum is divided by the number of values that it observes, and the neighbours are averaged.
    """
    y, observed, y_hat = _float32(y, observed, y_hat)
    axes = list(range(2, len(y.shape)))
    error = tf.reduce_sum(observed * tf.abs(y - y_hat[:, None]), axes)
    count = tf.reduce_sum(observed, axes) * tf.cast(tf.shape(y)[-1], tf.float32)
    return tf.reduce_mean(tf.math.divide_no_nan(error, count), 1)


def dissimilarity(y, y_hat):
    """1 - SSIM, averaged, over windows of 7 x 7 pixels of equal weight and values in [-1, 1]. Beyond the paper.

    `[B, H, W, C]` twice -> `[B]`. A mean of squares sees a blur and a shift alike; this sees the blur.
    """
    y, y_hat = _float32(y, y_hat)
    c_1, c_2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2

    def window(x):
        return tf.nn.avg_pool2d(tf.nn.avg_pool2d(x, [7, 1], 1, "VALID"), [1, 7], 1, "VALID")

    mu, mu_hat = window(y), window(y_hat)
    variances = window(y * y + y_hat * y_hat) - mu * mu - mu_hat * mu_hat
    covariance = window(y * y_hat) - mu * mu_hat
    ssim = (2 * mu * mu_hat + c_1) * (2 * covariance + c_2)
    ssim /= (mu * mu + mu_hat * mu_hat + c_1) * (variances + c_2)
    return 1 - _mean(ssim)


def matte(alpha, logit):
    """Cross entropy of a matte in 0..1 with the sigmoid of `logit`, averaged: `[B, H, W, 1]` twice -> `[B]`."""
    alpha, logit = _float32(alpha, logit)
    return _mean(tf.nn.sigmoid_cross_entropy_with_logits(alpha, logit))


def silhouette(alpha, layers):
    """Cross entropy of a matte in 0..1 with all but the last of `layers`, averaged: `[B, H, W, 1 and n]` -> `[B]`.

    `layers` are weights that add up to 1, the last is the backdrop's.
    """
    alpha, layers = _float32(alpha, layers)
    person, behind = (tf.clip_by_value(w, 1e-6, 1.0) for w in (1 - layers[..., -1:], layers[..., -1:]))
    return -_mean(alpha * tf.math.log(person) + (1 - alpha) * tf.math.log(behind))


def generator(fake):
    """1/2 E (D(z, y_hat) - 1)^2, the generator's half of Eq. 4. Scores `[B, h, w, 1] -> [B]`."""
    (fake,) = _float32(fake)
    return 0.5 * _mean(tf.square(fake - 1))


def discriminator(real, fake):
    """1/2 E (D(z, y) - 1)^2 + 1/2 E D(z, y_hat)^2, the discriminator's half of Eq. 4. Scores twice -> `[B]`."""
    real, fake = _float32(real, fake)
    return 0.5 * _mean(tf.square(real - 1)) + 0.5 * _mean(tf.square(fake))


def parts(part, logits):
    """Cross entropy of the parts, mean over the labelled pixels. A pixel counts `PART_WEIGHTS` of its part.

    Args:
      part: int32 `[B, S, S]`, 0 for background, 1..24, and -1 where nobody labelled.
      logits: `[B, S/s, S/s, 25]`; each place stands for s x s pixels.
    """
    labels = tf.one_hot(_by_place(part, logits), logits.shape[-1]) * PART_WEIGHTS  # [B, S/s, S/s, s * s, 25]
    labels = tf.reduce_sum(labels, 3)
    cross_entropy = -tf.reduce_sum(labels * tf.nn.log_softmax(tf.cast(logits, tf.float32)), [1, 2, 3])
    return tf.math.divide_no_nan(cross_entropy, tf.reduce_sum(labels, [1, 2, 3]))


def parts_at_points(part, logits):
    """`parts` of people of whom single points are labelled, and of the other pixels whether they are of the body.

    With p_0 the background's probability, n pixels on the body and N of them with a point, w the `PART_WEIGHTS`:

      a pixel off the body               - w_0 log p_0
      a pixel of it without a point      - log(1 - p_0)
      a point, of part I                 - w_I (log(1 - p_0) + n / N log(p_I / (1 - p_0)))

    and their sum is divided by w_0 for each pixel off the body and by n / N w_I for each point (by n where there is
    none). The n / N are those pixels that a point stands for: points all over a body cost what `parts` says, few cost
    about as much, so a network goes on from dense truth to points with the same weights of its losses.

    Args:
      part: as above, but -1 is a pixel of the body without a point.
      logits: as above.

    Note:
      DensePose has one output for body or background, held against the masks with weight 5, and one for the parts,
      held against the points alone with weight 1. Here one softmax says both, and this is its likelihood. The pixels
      off the mask within the box are background there, too. Which coarse part a pixel is of is left out, as there.
    """
    by_place = _by_place(part, logits)  # [B, S/s, S/s, s * s]
    labels = tf.reduce_sum(tf.one_hot(by_place, logits.shape[-1]) * PART_WEIGHTS, 3)
    outside, points = labels[..., :1], labels[..., 1:]
    bare, pointed = (tf.cast(which, tf.float32) for which in (by_place < 0, by_place > 0))
    log_p = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    log_body = tf.reduce_logsumexp(log_p[..., 1:], -1, keepdims=True)
    axes = [1, 2, 3]
    count, weight = tf.reduce_sum(pointed, axes), tf.reduce_sum(points, axes)
    body = count + tf.reduce_sum(bare, axes)
    each = tf.math.divide_no_nan(body, count)
    off = tf.reduce_sum(outside * log_p[..., :1], axes)
    on = tf.reduce_sum(tf.reduce_sum(tf.concat([bare, points], -1), -1, keepdims=True) * log_body, axes)
    which = each * tf.reduce_sum(points * (log_p[..., 1:] - log_body), axes)
    total = tf.reduce_sum(outside, axes) + tf.where(count > 0, each * weight, body)
    return tf.math.divide_no_nan(-(off + on + which), total)


def coordinates(part, uv, predicted, beta=0.1):
    """Smooth L1 of U and V of the true part, mean over the pixels that have one.

    d^2 / (2 beta) where d = |uv - predicted| is below beta, else d - beta / 2 (Girshick, 2015).

    Args:
      part: as above.
      uv: float32 `[B, S, S, 2]` in 0..1.
      predicted: `[B, S/s, S/s, 48]`, U of the 24 parts and then V.
      beta: where the loss turns from square to straight.
    """
    parts_of = tf.one_hot(
        _by_place(part, predicted) - 1, predicted.shape[-1] // 2
    )  # none for background and unlabelled
    known = tf.stack([_by_place(uv[..., k], predicted) for k in range(2)], -1)  # [B, S/s, S/s, s * s, 2]
    shape = tf.concat([tf.shape(predicted)[:3], [2, predicted.shape[-1] // 2]], 0)
    own = tf.einsum("bhwkp,bhwcp->bhwkc", parts_of, tf.reshape(tf.cast(predicted, tf.float32), shape))
    away = tf.abs(known - own)
    loss = tf.where(away < beta, away**2 / (2 * beta), away - beta / 2)
    counts = tf.reduce_sum(parts_of, -1)
    return tf.math.divide_no_nan(
        tf.reduce_sum(counts[..., None] * loss, [1, 2, 3, 4]), tf.reduce_sum(counts, [1, 2, 3])
    )


def person(coverage, logit):
    """Binary cross entropy of the whole person, mean over all pixels; coverage `[B, S, S]` in 0..1."""
    return _mean(tf.nn.sigmoid_cross_entropy_with_logits(_share(coverage, logit), tf.cast(logit[..., 0], tf.float32)))


def head(part, logit):
    """Binary cross entropy of the head, mean over all pixels that are labelled; logit `[B, S/s, S/s, 1]`."""
    return covered(tf.where(part < 0, -1.0, tf.cast(part >= 23, tf.float32)), logit)


def covered(coverage, logit):
    """Binary cross entropy of what covers a share of each pixel, mean over the pixels where it is known.

    Args:
      coverage: float32 `[B, S, S]`: 0..1, and -1 where nobody knows.
      logit: `[B, S/s, S/s, 1]`.
    """
    known, own = _share(tf.cast(coverage >= 0, tf.float32), logit), _share(tf.nn.relu(coverage), logit)
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(
        tf.math.divide_no_nan(own, known), tf.cast(logit[..., 0], tf.float32)
    )
    return tf.math.divide_no_nan(tf.reduce_sum(known * cross_entropy, [1, 2]), tf.reduce_sum(known, [1, 2]))


def facing(part, logit):
    """Binary cross entropy of the share of the trunk's pixels that are of its front; 0 where no trunk is seen."""
    back, front = (tf.reduce_sum(tf.cast(part == number, tf.float32), [1, 2]) for number in (1, 2))
    share = tf.math.divide_no_nan(front, front + back)
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(share, tf.cast(logit[:, 0], tf.float32))
    return cross_entropy * tf.cast(front + back > 0, tf.float32)


def _share(x, like):
    """The mean of the square of pixels that each place of `like` stands for: `[B, S, S] -> [B, S/s, S/s]`."""
    return tf.reduce_mean(_by_place(x, like), -1)


def _by_place(x, like):
    """The pixels that each place of `like` `[B, S/s, S/s, C]` stands for: `[B, S, S] -> [B, S/s, S/s, s * s]`."""
    return tf.nn.space_to_depth(x[..., None], x.shape[1] // like.shape[1])


def _float32(*tensors):
    return [tf.cast(tensor, tf.float32) for tensor in tensors]


def _mean(x):
    """Over everything but the batch."""
    return tf.reduce_mean(x, list(range(1, len(x.shape))))


def _root(x):
    """The square root, whose gradient at 0 is 0 and not infinite."""
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, 1.0)), 0.0)
