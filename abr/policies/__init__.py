"""Policies of adaptation, one file each."""
