"""Convolutions of whole images that pick the faster way of computing the same thing."""

import keras
import tensorflow as tf

from dpt_tf.layers import winograd


@keras.saving.register_keras_serializable("dpt_tf")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, by Winograd's algorithm where that pays (3x3, stride 1, "same")."""

    def convolution_op(self, inputs, kernel):
        """The convolution alone; Keras adds bias and activation."""
        x, kernel = tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel)
        plain = self.kernel_size == (3, 3) and self.strides == (1, 1) and self.padding == "same"
        if plain and self.dilation_rate == (1, 1) and self.groups == 1 and winograd.pays(x, kernel):
            return winograd.convolve(x, kernel)
        return super().convolution_op(inputs, kernel)
