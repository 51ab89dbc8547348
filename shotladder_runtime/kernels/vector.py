"""Generate the SIMD code of the inner loops of numba kernels.

LLVM's loop vectoriser gives up on loops that read several rows and write several, because it cannot prove that the rows
do not overlap, and on loops over filter taps. So the loop body of such a kernel is a Python function on `Vector`
values, each a SIMD vector of samples. `intrinsic_step` makes a numba intrinsic of it: when numba compiles a kernel that
calls the intrinsic, it runs the function once, and each operator on a `Vector` emits LLVM instructions. Python loops,
such as those over filter taps, are thereby unrolled. The function's author chooses the vector length; LLVM splits
vectors that are wider than the registers of the machine, so the same code runs with AVX-512, AVX2 and NEON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["Index", "Vector", "View2D", "deinterleave", "interleave", "intrinsic_step", "splat", "symmetric_fir"]

_KINDS: dict[str, tuple[Any, bool]] = {
    "u8": (ir.IntType(8), False),
    "u16": (ir.IntType(16), False),
    "i16": (ir.IntType(16), True),
    "u32": (ir.IntType(32), False),
    "i32": (ir.IntType(32), True),
    "u64": (ir.IntType(64), False),
    "i64": (ir.IntType(64), True),
    "f32": (ir.FloatType(), True),
    "f64": (ir.DoubleType(), True),
}


class Index:
    """A row or column number, known at run time only."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def _operand(self, other: Index | int) -> Any:
        return other.value if isinstance(other, Index) else ir.Constant(self.value.type, other)

    def __add__(self, other: Index | int) -> Index:
        return Index(self.builder, self.builder.add(self.value, self._operand(other)))

    def __mul__(self, other: Index | int) -> Index:
        return Index(self.builder, self.builder.mul(self.value, self._operand(other)))

    def half(self) -> Index:
        """Return half of an even number."""
        return Index(self.builder, self.builder.ashr(self.value, ir.Constant(self.value.type, 1)))


class Vector:
    """A SIMD vector of numbers; integer arithmetic wraps around like its element type."""

    def __init__(self, builder: Any, value: Any, signed: bool) -> None:
        self.builder = builder
        self.value = value
        self.signed = signed

    @property
    def _real(self) -> bool:
        return isinstance(self.value.type.element, (ir.FloatType, ir.DoubleType))

    def _operand(self, other: Vector | Index | float) -> Any:
        if isinstance(other, Vector):
            return other.value
        kind = self.value.type
        if isinstance(other, Index):
            number = self.builder.trunc(other.value, kind.element) if kind.element.width < 64 else other.value
            return splat(self.builder, number, kind)
        return ir.Constant(kind, [other] * kind.count)

    def _like(self, value: Any) -> Vector:
        return Vector(self.builder, value, self.signed)

    def __add__(self, other: Vector | Index | float) -> Vector:
        op = self.builder.fadd if self._real else self.builder.add
        return self._like(op(self.value, self._operand(other)))

    def __sub__(self, other: Vector | Index | float) -> Vector:
        op = self.builder.fsub if self._real else self.builder.sub
        return self._like(op(self.value, self._operand(other)))

    def __mul__(self, other: Vector | float) -> Vector:
        op = self.builder.fmul if self._real else self.builder.mul
        return self._like(op(self.value, self._operand(other)))

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._like(self.builder.fdiv(self.value, self._operand(other)))

    def __rshift__(self, bits: Vector | Index | int) -> Vector:
        op = self.builder.ashr if self.signed else self.builder.lshr
        return self._like(op(self.value, self._operand(bits)))

    def __lshift__(self, bits: Vector | int) -> Vector:
        return self._like(self.builder.shl(self.value, self._operand(bits)))

    def __and__(self, other: Vector | int) -> Vector:
        return self._like(self.builder.and_(self.value, self._operand(other)))

    def __or__(self, other: Vector | int) -> Vector:
        return self._like(self.builder.or_(self.value, self._operand(other)))

    def __xor__(self, other: Vector | int) -> Vector:
        return self._like(self.builder.xor(self.value, self._operand(other)))

    def __gt__(self, other: Vector | float) -> Vector:
        return self._compare(">", other)

    def __lt__(self, other: Vector | float) -> Vector:
        return self._compare("<", other)

    def __ge__(self, other: Vector | float) -> Vector:
        return self._compare(">=", other)

    def _compare(self, sign: str, other: Vector | float) -> Vector:
        if self._real:
            return self._like(self.builder.fcmp_ordered(sign, self.value, self._operand(other)))
        op = self.builder.icmp_signed if self.signed else self.builder.icmp_unsigned
        return self._like(op(sign, self.value, self._operand(other)))

    def plus_product(self, other: Vector, factor: float) -> Vector:
        """Return self + other * factor; doubles, which hold small integers here, may use a fused operation."""
        if not self._real:
            return self + other * factor
        flags = ("contract",)
        product = self.builder.fmul(other.value, other._operand(factor), flags=flags)
        return self._like(self.builder.fadd(self.value, product, flags=flags))

    def plus_pairs(self, pairs: Vector, first: int, second: int) -> Vector:
        """Return self + a * first + b * second, where a and b alternate in `pairs`.

        `pairs` and both factors are signed and have 16 bits; sums wrap at 32 bits. On x86 it is one instruction.
        """
        builder, count = self.builder, self.value.type.count
        if first == 0 or second == 0:
            # the compiler misses the instruction for pairs where it sees a factor of 0
            whole = pairs.reinterpret("i32")
            return self + ((whole >> 16) * second if first == 0 else (whole << 16 >> 16) * first)
        wide = pairs.to("i32").value
        products = builder.mul(wide, ir.Constant(wide.type, [first, second] * count))
        even, odd = deinterleave(self._like(products))
        return self + (even + odd)

    def where(self, yes: Vector, no: Vector | float) -> Vector:
        """Return the elements of `yes` where this comparison is true, else those of `no`."""
        return yes._like(self.builder.select(self.value, yes.value, yes._operand(no)))

    def at_least(self, bound: Vector | float) -> Vector:
        """Return the elementwise maximum."""
        return (self > bound).where(self, bound)

    def at_most(self, bound: Vector | float) -> Vector:
        """Return the elementwise minimum."""
        limit = self._like(self._operand(bound))
        return (self > bound).where(limit, self)

    def floor(self) -> Vector:
        """Round doubles down."""
        kind = self.value.type
        name = f"llvm.floor.v{kind.count}f64"
        function = cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(kind, [kind]), name)
        return self._like(self.builder.call(function, [self.value]))

    def single(self) -> Vector:
        """Convert integers to single precision, rounded once, and then to doubles."""
        count = self.value.type.count
        narrow = self.builder.sitofp(self.value, ir.VectorType(ir.FloatType(), count))
        return self._like(self.builder.fpext(narrow, ir.VectorType(ir.DoubleType(), count)))

    def magnitude(self) -> Vector:
        """Return the absolute values of signed numbers."""
        return (self > -1).where(self, self * 0 - self)

    def before(self, start: Index, stop: Index) -> Vector:
        """Return which elements have an index below `stop` when the index of the first one is `start`."""
        count = self.value.type.count
        kind = ir.VectorType(ir.IntType(64), count)
        origin = splat(self.builder, start.value, kind)
        indices = self.builder.add(origin, ir.Constant(kind, list(range(count))))
        return self._like(self.builder.icmp_signed("<", indices, splat(self.builder, stop.value, kind)))

    def bits(self) -> Vector:
        """Return the bits of floating-point numbers as signed integers of the same size."""
        return self.reinterpret("i32" if isinstance(self.value.type.element, ir.FloatType) else "i64")

    def reinterpret(self, kind: str) -> Vector:
        """Return the same bits as numbers of another size or type; the first of smaller numbers has the lowest bits."""
        element, signed = _KINDS[kind]
        bits = [
            getattr(e, "width", 32 if isinstance(e, ir.FloatType) else 64) for e in (self.value.type.element, element)
        ]
        target = ir.VectorType(element, self.value.type.count * bits[0] // bits[1])
        return Vector(self.builder, self.builder.bitcast(self.value, target), signed)

    def to(self, kind: str) -> Vector:
        """Convert to another element type."""
        element, signed = _KINDS[kind]
        target = ir.VectorType(element, self.value.type.count)
        if target == self.value.type:
            return Vector(self.builder, self.value, signed)
        if self._real:
            op = self.builder.fptosi if signed else self.builder.fptoui
        elif isinstance(element, (ir.FloatType, ir.DoubleType)):
            op = self.builder.sitofp if self.signed else self.builder.uitofp
        elif element.width > self.value.type.element.width:
            op = self.builder.sext if self.signed else self.builder.zext
        else:
            op = self.builder.trunc
        return Vector(self.builder, op(self.value, target), signed)


class View2D:
    """A two-dimensional array inside an intrinsic; rows are contiguous, with any distance between them."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.builder = builder
        self.data = array.data
        pitch = builder.extract_value(array.strides, 0)
        self.width = builder.sdiv(
            pitch, ir.Constant(pitch.type, context.get_abi_sizeof(context.get_value_type(kind.dtype)))
        )
        self.element = context.get_value_type(kind.dtype)
        self.signed = bool(getattr(kind.dtype, "signed", True))

    def _pointer(self, row: Index | int, column: Index | int, kind: Any) -> Any:
        builder = self.builder
        line, place = (
            number.value if isinstance(number, Index) else ir.Constant(self.width.type, number)
            for number in (row, column)
        )
        first = builder.gep(self.data, [builder.add(builder.mul(line, self.width), place)])
        return builder.bitcast(first, kind.as_pointer())

    @property
    def _bytes(self) -> int:
        return 8 if isinstance(self.element, ir.DoubleType) else int(self.element.width) // 8

    def load(self, row: Index | int, column: Index | int, lanes: int) -> Vector:
        """Load adjacent elements of one row."""
        kind = ir.VectorType(self.element, lanes)
        value = self.builder.load(self._pointer(row, column, kind), align=self._bytes)
        return Vector(self.builder, value, self.signed)

    def load_index(self, row: Index | int, column: Index | int) -> Index:
        """Load one unsigned element as an index."""
        value = self.builder.load(self._pointer(row, column, self.element), align=self._bytes)
        wide = self.width.type
        return Index(self.builder, self.builder.zext(value, wide) if self.element != wide else value)

    def store_index(self, row: Index | int, column: Index | int, number: Index) -> None:
        """Store one number."""
        self.builder.store(number.value, self._pointer(row, column, self.element), align=self._bytes)

    def store(self, row: Index | int, column: Index | int, lanes: Vector) -> None:
        """Store adjacent elements of one row, truncated to the element type of the array."""
        pointer = self._pointer(row, column, lanes.value.type)
        self.builder.store(lanes.value, pointer, align=self._bytes)


def intrinsic_step(arrays: int, numbers: int, body: Callable[..., None]) -> Any:
    """Return a numba intrinsic that runs `body` once; its arguments are arrays, then integers.

    Parameters
    ----------
    arrays, numbers : int
        Number of two-dimensional arrays and of integers that it takes.
    body : callable
        Takes that many `View2D` and `Index`, and emits the instructions.
    """

    def typing(*args: Any) -> Any:
        signature = types.void(*args[:arrays], *[types.intp] * numbers)

        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            views = [View2D(context, builder, t, v) for t, v in zip(sig.args[:arrays], values[:arrays], strict=True)]
            body(*views, *(Index(builder, v) for v in values[arrays:]))
            return context.get_dummy_value()

        return signature, codegen

    names = ", ".join(f"a{k}" for k in range(arrays + numbers))
    # numba reads the number of arguments from the signature, so the signature must list them
    space: dict[str, Any] = {"typing": typing}
    exec(f"def made(context, {names}):\n    return typing({names})", space)  # noqa: S102
    return intrinsic(space["made"])


def symmetric_fir(at: Callable[[int], Vector], taps: Sequence[int]) -> Vector:
    """Return the output of a symmetric FIR filter.

    Parameters
    ----------
    at : callable
        Returns the samples under tap k.
    taps : sequence of int
        The first half of the taps and the middle one. Equal taps share one product, which is exact for integers.
    """
    middle = len(taps) - 1
    total = at(middle) * taps[middle]
    for k in range(middle):
        total = total.plus_product(at(k) + at(2 * middle - k), taps[k])
    return total


def splat(builder: Any, number: Any, kind: Any) -> Any:
    """Return an LLVM vector that holds one number in every element."""
    one = ir.Constant(ir.IntType(32), 0)
    start = builder.insert_element(ir.Constant(kind, ir.Undefined), number, one)
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(start, ir.Constant(kind, ir.Undefined), zeros)


def _shuffled(first: Vector, second: Vector, indices: Sequence[int]) -> Vector:
    order = ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), list(indices))
    return first._like(first.builder.shuffle_vector(first.value, second.value, order))


def deinterleave(lanes: Vector) -> tuple[Vector, Vector]:
    """Return the elements with even and with odd indices."""
    count = lanes.value.type.count
    return _shuffled(lanes, lanes, range(0, count, 2)), _shuffled(lanes, lanes, range(1, count, 2))


def interleave(even: Vector, odd: Vector) -> Vector:
    """Return one vector with the elements of both in turn."""
    count = even.value.type.count
    return _shuffled(even, odd, [k // 2 + count * (k % 2) for k in range(2 * count)])
