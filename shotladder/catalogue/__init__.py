"""A catalogue: several sources that one call of `encode` encodes on one pool of workers."""
