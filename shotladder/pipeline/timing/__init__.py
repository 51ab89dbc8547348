"""How long a run takes: what encodes cost, what a run needs by that, and the time left while it runs."""
