/* Hyperbolic tangent, within 2e-7, from the exponential of decoding.c: that of a JavaScript engine is the engine's own, and a
   torque that differs in its last digit leads the simulator elsewhere after some 50 steps. */

#ifndef TANGENT_H
#define TANGENT_H

INLINE REAL tangent(REAL x)
{
    REAL power = exponential(x < 0 ? 2 * x : -2 * x), size = (1 - power) / (1 + power);
    return x < 0 ? -size : size;
}

#endif
