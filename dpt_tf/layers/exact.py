"""Layers that compute in float32 whatever the networks run in: geometry, and what is shown or scored."""

import keras


class Float32Layer(keras.layers.Layer):
    """A layer whose policy is float32, always."""

    def __init__(self, **kwargs):
        """`kwargs` of every Keras layer; a `dtype` among them has no say."""
        super().__init__(**(kwargs | {"dtype": "float32"}))
