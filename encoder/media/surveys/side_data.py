"""Side data of frames and packets, also of kinds that PyAV does not know."""

from __future__ import annotations

from typing import Any, cast

from av.sidedata.sidedata import Type

__all__ = ["read_side_data"]


def read_side_data(frame: Any) -> dict[str, bytes]:
    """Return the side data of a frame by its kind: the names of PyAV, or `UNKNOWN_29` for a kind that it lacks."""
    return {each.type.name: bytes(each) for each in frame.side_data}


def _name_unknown_kind(cls: type[Type], value: object) -> Type:
    """Return a member of the enumeration for a kind that FFmpeg added later."""
    member: Any = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return cast(Type, member)


# PyAV reads the kind of all side data of a frame at once, and raises ValueError if it does not know one of them; Python
# asks this method of an enumeration for values without a member
Type._missing_ = classmethod(_name_unknown_kind)  # type: ignore[assignment,method-assign]
