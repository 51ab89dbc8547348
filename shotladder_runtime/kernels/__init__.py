"""How compiled kernels are made: the compiler decorator and SIMD vectors."""
