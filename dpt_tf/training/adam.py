"""Adam in one pass over memory.

Keras writes Adam as eight operations, each of which reads and writes whole tensors. The context layer of the inpainting
network has 201 million weights, so there a step is nothing but memory traffic, and the fused kernel takes an eighth.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("dpt_tf")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, the same variables and the same numbers, by TensorFlow's fused kernel.

    The kernel is written for dense float32 variables without AMSGrad; everything else goes Keras's own way.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Moves one variable and its two moments; `variable` is this replica's own."""
        variable = variable.value if isinstance(variable, keras.Variable) else variable
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices) or variable.dtype != tf.float32:
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=_local(self._momentums[index]).handle,
            v=_local(self._velocities[index]).handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )


def _local(variable):
    """The `tf.Variable` that lives on the device of the replica being updated."""
    value = variable.value
    return value._get_on_device_or_primary() if hasattr(value, "_get_on_device_or_primary") else value
