"""Kernels that replay sessions: download, network, playback, throughput estimators, QoE."""
