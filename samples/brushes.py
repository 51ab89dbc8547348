"""Pixel kernels of the sample video: canvases are float32 (height, width, 3), display-referred RGB, 0 to 1.

No fast-math anywhere: the film's frames are the same bytes on every machine.
"""

import numpy as np

from shotladder_runtime.kernels.compiler import kernel


@kernel(error_model="python", inline="always")
def look(tile, x, y):
    """Return the periodic tile (side a power of two) at fractional x, y, bilinear."""
    mask = tile.shape[0] - 1
    fx = np.floor(x)
    fy = np.floor(y)
    ax = x - fx
    ay = y - fy
    x0 = int(fx) & mask
    y0 = int(fy) & mask
    x1 = (x0 + 1) & mask
    y1 = (y0 + 1) & mask
    top = tile[y0, x0] * (1 - ax) + tile[y0, x1] * ax
    return top * (1 - ay) + (tile[y1, x0] * (1 - ax) + tile[y1, x1] * ax) * ay


@kernel(error_model="python")
def to_planes(rgb, noise, shift_x, shift_y, grain, luma, cb, cr):
    """Write BT.709 limited-range 4:2:0 planes of `rgb`, with luma grain from a standard-normal tile."""
    height, width = luma.shape
    mask = noise.shape[0] - 1
    for j in range(0, height, 2):
        for i in range(0, width, 2):
            sum_r = 0.0
            sum_g = 0.0
            sum_b = 0.0
            for dy in range(2):
                for dx in range(2):
                    y = j + dy
                    x = i + dx
                    r = min(max(rgb[y, x, 0], 0.0), 1.0)
                    g = min(max(rgb[y, x, 1], 0.0), 1.0)
                    b = min(max(rgb[y, x, 2], 0.0), 1.0)
                    sum_r += r
                    sum_g += g
                    sum_b += b
                    level = 0.2126 * r + 0.7152 * g + 0.0722 * b
                    if grain > 0.0:
                        level += grain * noise[(y + shift_y) & mask, (x + shift_x) & mask]
                        level = min(max(level, 0.0), 1.0)
                    luma[y, x] = np.uint8(16.5 + 219.0 * level)
            mean = 0.2126 * sum_r + 0.7152 * sum_g + 0.0722 * sum_b
            cb[j // 2, i // 2] = np.uint8(128.5 + 224.0 * 0.25 * (sum_b - mean) / 1.8556)
            cr[j // 2, i // 2] = np.uint8(128.5 + 224.0 * 0.25 * (sum_r - mean) / 1.5748)


@kernel(error_model="python")
def sky(out, rows, horizon, palette, sun, tile, drift, cloud):
    """Paint rows [0, rows) as a sky: a gradient, a sun with its glow, streaks of cloud.

    `palette` is zenith, horizon, sun (3 x 3); `sun` is x, y, radius in heights.
    """
    height, width, _ = out.shape
    for j in range(rows):
        v = j / height
        up = min(max((horizon - v) / horizon, 0.0), 1.0)
        blend = up**0.7
        for i in range(width):
            u = i / height
            dx = u - sun[0]
            dy = v - sun[1]
            q = (dx * dx + dy * dy) / (sun[2] * sun[2])
            glow = 0.55 / (1.0 + 0.035 * q) + 0.25 / (1.0 + 0.3 * q)
            disc = min(max((1.0 - q) * 14.0 + 0.5, 0.0), 1.0)
            streak = 0.0
            if cloud > 0.0:
                far = 0.25 + up
                n = look(tile, u * 150.0 / far + drift, v * 620.0 / far)
                n += 0.5 * look(tile, u * 420.0 / far + 1.7 * drift, 300.0 + v * 1500.0 / far)
                streak = min(max(n - 0.78, 0.0) * 2.2, 1.0) * cloud * min(1.0, 6.0 * up)
            for c in range(3):
                value = palette[1, c] + (palette[0, c] - palette[1, c]) * blend
                value += palette[2, c] * glow * (1.0 - 0.3 * streak)
                lit = 0.35 * palette[0, c] + palette[2, c] * (0.15 + 0.8 * glow)
                value += (lit - value) * streak * 0.8
                out[j, i, c] = value + (1.0 - value) * disc * (1.0 - 0.6 * streak)


@kernel(error_model="python")
def sea(out, first, horizon, slopes_x, slopes_z, palette, sun, time, swell):
    """Paint rows from `first` on as open water that mirrors the sky of `palette`.

    `palette` is zenith, horizon, sun, deep (4 x 3). Slopes are tiles of a wave field's gradients.
    """
    height, width, _ = out.shape
    centre = 0.5 * width / height
    for j in range(first, height):
        v = (j - first + 0.7) / height
        far = 0.10 / v
        for i in range(width):
            u = i / height
            wx = (u - centre) * far * 620.0
            wz = far * 460.0
            sx = 0.0
            sz = 0.0
            scale = 1.0
            weight = swell
            for octave in range(3):
                fade = weight / (1.0 + (0.16 * scale * far) ** 2)
                ox = time * (9.0 + 13.0 * octave)
                oz = time * (26.0 - 9.0 * octave)
                sx += fade * look(slopes_x, wx * scale + ox, wz * scale + oz)
                sz += fade * look(slopes_z, wx * scale + ox, wz * scale + oz)
                scale *= 2.6
                weight *= 0.62
            facing = 0.10 + 0.42 * v + 0.085 * sz
            # a soft lower limit: a hard one produces flat areas with edges
            cosine = min(0.5 * (facing + np.sqrt(facing * facing + 0.012)), 1.0)
            fresnel = 0.03 + 0.97 * (1.0 - cosine) ** 5
            tilt = 0.30 * sz + 0.6 * v
            elevation = min(0.5 * v + np.sqrt(tilt * tilt + 0.006), 1.0)
            azimuth = u + 0.5 * sx - sun[0]
            lift = elevation - (horizon - sun[1])
            q = azimuth * azimuth * 64.0 + lift * lift * 16.0
            glitter = 1.0 / (1.0 + q)
            glitter = glitter * glitter * glitter * 1.9
            haze = 1.0 / (1.0 + 60.0 * v)
            for c in range(3):
                mirror = palette[1, c] + (palette[0, c] - palette[1, c]) * elevation**0.7
                value = palette[3, c] + (mirror - palette[3, c]) * fresnel
                value += palette[2, c] * glitter * (0.25 + 0.75 * fresnel)
                out[j, i, c] = value + (palette[1, c] - value) * haze * 0.6


@kernel(error_model="python")
def clouds(out, rows, tile, time, low, high, contrast):
    """Paint rows [0, rows) with rolling, folded clouds between the colours `low` and `high`."""
    height, width, _ = out.shape
    for j in range(rows):
        depth = 1.0 / (1.15 - j / rows)
        for i in range(width):
            x = (i - 0.5 * width) / height * 90.0 * depth
            y = 60.0 * depth
            a = look(tile, x + 6.0 * time, y + 3.0 * time)
            b = look(tile, 2.1 * x + 90.0 * a, 2.1 * y + 60.0 * a + 7.0 * time)
            n = 0.45 * a + 0.55 * b
            n = min(max((n - 0.5) * contrast + 0.5, 0.0), 1.0)
            for c in range(3):
                out[j, i, c] = low[c] + (high[c] - low[c]) * n * n


@kernel(error_model="python")
def splat(out, spots, hard):
    """Add round lights to the canvas: `spots` rows are x, y, radius (pixels), r, g, b.

    `hard` 0 gives a soft glow, 1 a lens disc with a brighter rim.
    """
    height, width, _ = out.shape
    for k in range(spots.shape[0]):
        cx = spots[k, 0]
        cy = spots[k, 1]
        radius = spots[k, 2]
        for j in range(max(0, int(cy - radius) - 1), min(height, int(cy + radius) + 2)):
            for i in range(max(0, int(cx - radius) - 1), min(width, int(cx + radius) + 2)):
                q = ((i - cx) ** 2 + (j - cy) ** 2) / (radius * radius)
                if hard > 0.5:
                    edge = min(max((1.0 - q) * radius * 0.25, 0.0), 1.0)
                    level = edge * (0.62 + 0.38 * q * q)
                elif q < 1.0:
                    level = (1.0 - q) * (1.0 - q)
                else:
                    continue
                for c in range(3):
                    out[j, i, c] += spots[k, 3 + c] * level


@kernel(error_model="python")
def lay(out, strip, shift, colour, mist, mist_colour):
    """Blend a periodic strip of coverage, `shift` pixels to the left, over the canvas; then mist rows (height,)."""
    height, width, _ = out.shape
    wide = strip.shape[1]
    for j in range(height):
        for i in range(width):
            k = i + shift
            if k >= wide:
                k -= wide * (k // wide)
            cover = strip[j, k]
            for c in range(3):
                value = out[j, i, c]
                value += (colour[c] - value) * cover
                out[j, i, c] = value + (mist_colour[c] - value) * mist[j]


@kernel(error_model="python")
def lens(map_x, map_y, shade, drops):
    """Distort the lookup maps under water drops: `drops` rows are x, y, radius (pixels), stretch.

    `shade` gets a light rim above and a dark one below, as drops on a window have.
    """
    height, width = map_x.shape
    for k in range(drops.shape[0]):
        cx = drops[k, 0]
        cy = drops[k, 1]
        radius = drops[k, 2]
        tall = radius * drops[k, 3]
        for j in range(max(0, int(cy - tall)), min(height, int(cy + tall) + 2)):
            for i in range(max(0, int(cx - radius)), min(width, int(cx + radius) + 2)):
                dx = (i - cx) / radius
                dy = (j - cy) / tall
                q = dx * dx + dy * dy
                if q < 1.0:
                    bend = 5.5 * (1.0 - 0.45 * q)
                    map_x[j, i] = cx - dx * radius * bend
                    map_y[j, i] = cy - dy * tall * bend - 0.06 * height
                    shade[j, i] = 1.25 - 0.85 * q * q * q + 0.45 * q * dy
