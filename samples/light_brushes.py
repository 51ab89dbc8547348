"""Pixel kernels of light sources in the sample video: aurora, fire, ink, a road at night, a lighthouse beam."""

import numpy as np

from samples.brushes import look
from shotladder_runtime.kernels.compiler import kernel


@kernel(error_model="python")
def aurora(out, tile, time):
    """Add three curtains of northern light to the canvas."""
    height, width, _ = out.shape
    for sheet in range(3):
        row = 170.0 * sheet + 40.0
        for i in range(width):
            x = i / height * 70.0
            fold = look(tile, x * 0.9 + 5.0 * time, row + 3.0 * time)
            base = 0.34 + 0.13 * sheet + 0.34 * (fold - 0.5)
            ray = look(tile, x * 4.0 + 160.0 * fold + 9.0 * time, row + 90.0 + 7.0 * time)
            power = max(look(tile, x * 0.6 - 6.0 * time, row + 400.0) - 0.25, 0.0) * 1.5
            power *= 0.25 + 1.5 * ray * ray
            tall = 0.07 + 0.22 * ray
            for j in range(height):
                up = base - j / height
                if up < 0.0:
                    level = 1.0 / (1.0 + (up * 42.0) ** 2)
                    level *= level
                else:
                    level = np.exp(-up / tall)
                level *= power
                if level > 0.002:
                    blush = min(max(up * 3.4, 0.0), 1.0)
                    out[j, i, 0] += level * (0.10 + 0.62 * blush)
                    out[j, i, 1] += level * (0.95 - 0.72 * blush)
                    out[j, i, 2] += level * (0.42 + 0.30 * blush)


@kernel(error_model="python")
def fire(out, tile, time):
    """Paint flames that rise from the lower edge."""
    height, width, _ = out.shape
    centre = 0.5 * width / height
    for j in range(height):
        up = 1.0 - j / height
        for i in range(width):
            x = i / height - centre
            warp = look(tile, x * 150.0 + 77.0, (1.0 - up) * 110.0 + 330.0 * time) - 0.5
            lean = x + up * 0.55 * warp
            n = look(tile, (lean + 0.10 * warp) * 330.0, (1.0 - up) * 120.0 + 520.0 * time)
            m = look(tile, lean * 760.0, 500.0 + (1.0 - up) * 260.0 + 900.0 * time)
            body = 1.0 - (lean * lean) / (0.20 + 0.02 * up)
            heat = 1.15 * body + 2.1 * (n - 0.5) + 0.9 * (m - 0.5) - 1.75 * up + 0.12
            heat = min(max(heat, 0.0), 1.5)
            glow = 0.09 / (0.30 + x * x * 2.0 + (up - 0.05) ** 2 * 2.5)
            out[j, i, 0] = 0.015 + 1.15 * heat + glow * 0.85
            out[j, i, 1] = 0.012 + 0.62 * heat * heat + glow * 0.26
            out[j, i, 2] = 0.030 + 0.22 * heat * heat * heat + glow * 0.05


@kernel(error_model="python")
def ink(out, tile, time, palette):
    """Paint mixing inks: noise distorted by noise (palette 4 x 3)."""
    height, width, _ = out.shape
    for j in range(height):
        y = j / height * 105.0
        for i in range(width):
            x = i / height * 105.0
            a = look(tile, x + 9.0 * time, y)
            b = look(tile, y + 300.0, x - 7.0 * time)
            c = look(tile, x + 130.0 * a + 4.0 * time, y + 130.0 * b)
            d = look(tile, 1.7 * x + 190.0 * c, 1.7 * y + 150.0 * a + 9.0 * time)
            first = min(max((c - 0.25) * 1.9, 0.0), 1.0)
            second = min(max((d - 0.36) * 2.9, 0.0), 1.0)
            edge = max(0.0, 1.0 - abs(d - c) * 16.0)
            for k in range(3):
                value = palette[0, k] + (palette[1, k] - palette[0, k]) * first
                value += (palette[2, k] - value) * second * second
                out[j, i, k] = value + palette[3, k] * edge * edge * 0.6


@kernel(error_model="python")
def road(out, horizon, tile, run):
    """Paint asphalt under headlights below the horizon; `run` is the distance that the car has driven."""
    height, width, _ = out.shape
    first = int(horizon * height) + 1
    centre = 0.5 * width / height
    for j in range(first, height):
        v = j / height - horizon
        far = 0.12 / v
        along = far * 4.0 + run
        for i in range(width):
            side = (i / height - centre) / v
            beam = 1.0 / (1.0 + 0.05 * far * far + 0.9 * side * side / (1.0 + 0.3 * far))
            rough = look(tile, side * 160.0, along * 60.0)
            smooth = 1.0 / (1.0 + 0.7 * far)
            grey = (0.09 + 0.16 * (rough - 0.4) * smooth) * beam * 2.4
            red, green, blue = grey * 1.05, grey, grey * 0.92
            if abs(side) > 1.35:
                red, green, blue = grey * 0.45, grey * 0.55, grey * 0.3
            width_of_line = 0.045
            painted = 0.0
            if abs(abs(side) - 1.22) < width_of_line:
                painted = 1.0
            if abs(side) < width_of_line and along - np.floor(along / 3.0) * 3.0 < 1.3:
                painted = 1.0
            light = painted * (0.25 + 0.9 * beam) * (0.75 + 0.25 * rough)
            out[j, i, 0] = red + light * 0.95
            out[j, i, 1] = green + light * 0.85
            out[j, i, 2] = blue + light * 0.55


@kernel(error_model="python")
def beam(out, tile, lamp_x, lamp_y, swing, time):
    """Add a lighthouse's two opposite beams seen from the side; `swing` is the cosine of their bearing."""
    height, width, _ = out.shape
    reach = 0.12 + 1.5 * abs(swing)
    for j in range(height):
        dy = j / height - lamp_y
        for i in range(width):
            dx = i / height - lamp_x
            along = dx if swing > 0 else -dx
            wide = 0.008 + (0.075 if along > 0 else 0.045) * abs(dx) / (0.15 + abs(swing))
            q = (dy + 0.03 * abs(dx)) / wide
            level = 0.30 / (1.0 + q * q) ** 2 / (1.0 + 4.0 * (dx / reach) ** 2)
            if along < 0:
                level *= 0.35
            level *= 0.45 + 1.0 * look(tile, dx * 130.0 + 12.0 * time, dy * 190.0)
            near = dx * dx + dy * dy
            flare = (1.0 - abs(swing)) ** 3
            level += 0.0016 / (0.002 + near) * (0.22 + 0.9 * flare) + 0.02 * flare / (0.05 + near)
            out[j, i, 0] += level
            out[j, i, 1] += level * 0.90
            out[j, i, 2] += level * 0.66
