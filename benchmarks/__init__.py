"""How fast the clinic is, against the textbook and against the floor: `make bench`."""
