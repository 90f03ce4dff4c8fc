"""What every program needs of the machine: errors for a user, a quiet start, files and folders replaced whole."""
