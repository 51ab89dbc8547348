"""Chunked encoding: filters, plan, chunks, stitching, levels, VBV."""
