"""Gradual transitions: dissolves, fades, wipes, pushes."""
