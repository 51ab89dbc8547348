"""Errors of measurements.

```
ShotladderError
├── ModelError (ValueError)    there is no such VMAF model
│   └── ModelFileError         a model file does not have the required structure; also a DocumentError
├── PairingError (ValueError)  frames of a rendition and its reference do not correspond
└── MeasureError (ValueError)  VMAF is not defined for the frames, or an argument is not valid
```
"""

from shotladder_runtime.errors import DocumentError, ShotladderError

__all__ = ["MeasureError", "ModelError", "ModelFileError", "PairingError"]


class ModelError(ShotladderError, ValueError):
    """There is no such VMAF model."""


class ModelFileError(ModelError, DocumentError):
    """A file is not the JSON document of a VMAF model; the message names the file and the location."""


class PairingError(ShotladderError, ValueError):
    """Frames of a rendition and of its reference do not correspond."""


class MeasureError(ShotladderError, ValueError):
    """VMAF is not defined for the frames, or an argument is not valid."""
