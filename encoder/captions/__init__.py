"""Captions from speech: transcribe the audio of a source, and lay the words out as cues."""
