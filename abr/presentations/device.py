"""What a viewer watches on: how many lines it asks for, and the VMAF that fits it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abr.presentations.presentation import Presentation

__all__ = ["DEVICES", "Device", "fit"]

#: libvmaf's score transform of the phone model (vmaf_v0.6.1.json, `score_transform`)
_PHONE = (1.70674692, 1.72643844, -0.00705305)


@dataclass(frozen=True, slots=True)
class Device:
    """A class of screens: `height` lines at most, VMAF as on a phone or not."""

    name: str
    height: int
    phone: bool = False


DEVICES = {
    "phone": Device("phone", 720, phone=True),
    "tv-1080p": Device("tv-1080p", 1080),
    "tv-4k": Device("tv-4k", 2160),
}


def fit(pres: Presentation, device: Device) -> Presentation:
    """Return what the device asks for, with VMAF as seen on it.

    A phone's score is libvmaf's transform of the score on a television, applied to whole segments.
    """
    pres = pres.capped(device.height)
    if device.phone and pres.vmaf is not None:
        return replace(pres, vmaf=_phone(pres.vmaf))
    return pres


def _phone(vmaf: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = _PHONE
    # out_gte_in: the transform never lowers a score
    return np.clip(np.maximum(a + b * vmaf + c * vmaf**2, vmaf), 0, 100)
