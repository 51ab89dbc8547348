"""Places that a presentation is published to: folders, servers of fsspec protocols, HTTP servers."""
