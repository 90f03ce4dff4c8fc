"""Pictures as arrays: photos in, the square frame of a network, and pictures to look at."""
