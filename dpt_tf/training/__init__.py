"""From batches to checkpoints: the steps of Sec. 3.4, the stages of Sec. 4.1, and the loop round them."""
