"""Classes of devices: the largest rung that they request, and the VMAF model that applies to their screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abr.presentations.presentation import Presentation

__all__ = ["DEVICES", "Device", "for_device"]

#: polynomial coefficients p0, p1, p2 of libvmaf's phone model, VMAF to VMAF (vmaf_v0.6.1.json, `score_transform`)
_PHONE_TRANSFORM = (1.70674692, 1.72643844, -0.00705305)


@dataclass(frozen=True, slots=True)
class Device:
    """A class of devices.

    Attributes
    ----------
    name : str
        Name of the class.
    height : int
        Height of the tallest rung that the device requests, pixels.
    phone : bool
        VMAF is that of libvmaf's phone model.
    """

    name: str
    height: int
    phone: bool = False


#: name -> device; heights are the usual resolutions of these screens
DEVICES = {
    "phone": Device("phone", 720, phone=True),
    "tv-1080p": Device("tv-1080p", 1080),
    "tv-4k": Device("tv-4k", 2160),
}


def for_device(pres: Presentation, device: Device | str) -> Presentation:
    """Return the rungs that a device requests, with the VMAF of its screen.

    The VMAF of a phone is libvmaf's score transform, applied to the mean of each segment and not to each frame.

    Raises
    ------
    ValueError
        When no device has this name.
    """
    if isinstance(device, str):
        if device not in DEVICES:
            raise ValueError(f"unknown device {device!r} (choose from {', '.join(DEVICES)})")
        device = DEVICES[device]
    pres = pres.capped(device.height)
    if device.phone and pres.vmaf is not None:
        return replace(pres, vmaf=_phone(pres.vmaf))
    return pres


def _phone(vmaf: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = _PHONE_TRANSFORM
    # `out_gte_in` of the model: the transform never lowers a score
    return np.clip(np.maximum(a + b * vmaf + c * vmaf**2, vmaf), 0, 100)
