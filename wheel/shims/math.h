/* The two functions of <math.h> that decoding.c names, for a target without a C library. Only one of them is ever called:
   the complementary error function belongs to double precision, which these kernels are not compiled for. */

#ifndef SHIM_MATH_H
#define SHIM_MATH_H

#define sqrt(x) __builtin_sqrt(x)
double erfc(double x);

#endif
