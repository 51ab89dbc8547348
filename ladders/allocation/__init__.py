"""How bits are allocated over chunks and rungs."""
