"""One file per verb of `dpt`. Flags live here and in `train.py`, nowhere else."""
