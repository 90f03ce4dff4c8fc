"""The embedded data set: procedural people with exact DensePose maps."""
