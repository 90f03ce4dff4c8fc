"""Adam in one pass over memory, and the rate that it takes its steps at.

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
        """Updates one variable and its two moments; `variable` is this replica's own."""
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


@keras.saving.register_keras_serializable("dpt_tf")
class Cooldown(keras.optimizers.schedules.LearningRateSchedule):
    """`rate` at first; over the last `share` of `steps` it falls linearly, and would be 0 one step after the last."""

    def __init__(self, rate: float, share: float, steps: int):
        self.rate, self.share, self.steps = rate, share, steps

    def __call__(self, step):
        """The rate of the step after `step` others."""
        left = tf.cast(self.steps - tf.cast(step, tf.int64), tf.float32) / (self.share * self.steps)
        return self.rate * tf.clip_by_value(left, 0.0, 1.0)

    def get_config(self):
        """What `__init__` was given."""
        return {"rate": self.rate, "share": self.share, "steps": self.steps}


def _local(variable):
    """The `tf.Variable` that lives on the device of the replica being updated."""
    value = variable.value
    return value._get_on_device_or_primary() if hasattr(value, "_get_on_device_or_primary") else value
