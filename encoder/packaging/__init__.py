"""DASH and HLS packaging, encryption, playlists."""
