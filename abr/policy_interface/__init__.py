"""The interface of an ABR policy: its description, the state that it reads, and how it is compiled."""
