/* The two functions of <string.h> that decoding.c names, each one instruction of WebAssembly's bulk memory. */

#ifndef SHIM_STRING_H
#define SHIM_STRING_H

#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memset(to, byte, size) __builtin_memset(to, byte, size)

#endif
