"""The shots of a source as files for people and editing tools."""
