"""Makes E-AC-3 frames that announce Dolby Atmos (joint object coding), from frames of FFmpeg's encoder."""

#: Bits before `addbsie` in frames of FFmpeg's encoder: sync word to `dialnorm`, then `compre`, `mixmdate` and
#: `infomdate`, which are 0 (ETSI TS 102 366, E.1.2).
FLAG = 16 + 2 + 3 + 11 + 2 + 2 + 3 + 1 + 5 + 5 + 3
#: Bits at the end of a frame: `auxdatae`, `encinfo` and the checksum.
TAIL = 18


def announce_joc(frame: bytes, objects: int) -> bytes:
    """Return a frame with additional bit stream information that announces joint object coding (ETSI TS 103 420, 8.3).

    The objects themselves are missing, as in no real stream; what announces them is complete.
    """
    bits = "".join(f"{byte:08b}" for byte in frame)
    assert bits[FLAG - 3 : FLAG + 1] == "0000", "the frame has optional fields before the flag"
    words = int(bits[21:32], 2) + 2
    # two bytes: reserved bits and the flag of the extension, then its complexity
    announced = "1" + f"{1:06b}" + f"{1:08b}" + f"{objects:08b}"
    body = bits[FLAG + 1 : -TAIL] + "0" * (33 - len(announced)) + bits[-TAIL:-16]
    changed = bits[:21] + f"{words:011b}" + bits[32:FLAG] + announced + body
    head = int(changed, 2).to_bytes(len(changed) // 8, "big")
    return head + checksum(head[2:]).to_bytes(2, "big")


def checksum(data: bytes) -> int:
    """Return the CRC of AC-3: polynomial x^16 + x^15 + x^2 + 1, start value 0."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ 0x8005 if value & 0x8000 else value << 1
        value &= 0xFFFF
    return value
