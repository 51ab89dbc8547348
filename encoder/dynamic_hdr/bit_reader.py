"""Read fields of any number of bits, and codes of variable length, from bytes."""

from __future__ import annotations

__all__ = ["BitReader"]

#: Longest prefix of an Exp-Golomb code, bits (ITU-T H.265, 9.2: codes of 32-bit values).
_MAX_PREFIX = 32


class BitReader:
    """Reads bits from the first to the last one; a read beyond the end raises ValueError.

    Parameters
    ----------
    data : bytes

    Attributes
    ----------
    position : int
        Number of bits that have been read.
    """

    def __init__(self, data: bytes) -> None:
        self.position = 0
        self._size = 8 * len(data)
        self._value = int.from_bytes(data, "big")

    @property
    def bits_left(self) -> int:
        """Number of bits that have not been read."""
        return self._size - self.position

    def read(self, count: int) -> int:
        """Return the next bits as an unsigned number."""
        if count > self.bits_left:
            raise ValueError("the data ends within a field")
        self.position += count
        return self._value >> (self._size - self.position) & ((1 << count) - 1)

    def read_golomb(self) -> int:
        """Return the value of an unsigned Exp-Golomb code (ITU-T H.265, 9.2)."""
        prefix = 0
        while not self.read(1):
            prefix += 1
            if prefix > _MAX_PREFIX:
                raise ValueError("the data has an Exp-Golomb code that is too long")
        return (1 << prefix) - 1 + self.read(prefix)

    def read_variable(self, count: int) -> int:
        """Return a number in groups of `count` bits, each followed by a flag (ETSI TS 102 366, H.2.1.3)."""
        value = self.read(count)
        while self.read(1):
            value = (value + 1 << count) + self.read(count)
        return value

    def align(self) -> None:
        """Skip the rest of the current byte."""
        self.read(-self.position % 8)
