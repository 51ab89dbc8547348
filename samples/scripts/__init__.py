"""Short research scripts that import the libraries, to be read and bent."""
