"""Short research scripts that use the libraries."""
