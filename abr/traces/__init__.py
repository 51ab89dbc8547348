"""The value `Trace`, the readers of trace files, the trace generator."""
