"""Errors of measuring.

```
ShotladderError
├── ModelError (ValueError)    no such VMAF model, or a file that is not one
├── PairingError (ValueError)  frames of a rendition and its reference do not correspond
└── MeasureError (ValueError)  pictures that VMAF is not defined for, or a request that makes no sense
```
"""

from shotladder_runtime.errors import ShotladderError

__all__ = ["MeasureError", "ModelError", "PairingError"]


class ModelError(ShotladderError, ValueError):
    """No such VMAF model, or a file that is not one."""


class PairingError(ShotladderError, ValueError):
    """Frames of a rendition and of its reference do not correspond."""


class MeasureError(ShotladderError, ValueError):
    """Pictures that VMAF is not defined for, or a request that makes no sense."""
