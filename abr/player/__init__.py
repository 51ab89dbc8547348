"""The model of a player: its settings, the tables that it reads, and the kernels that replay a session."""
