"""Sessions of web players: dash.js, hls.js and Shaka Player with their schedules, buffers and requests."""
