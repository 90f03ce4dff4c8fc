"""DensePose maps from photos, without torch."""
