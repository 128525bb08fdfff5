// SPDX-License-Identifier: MIT
//
// Classes of bug that have happened somewhere and shall not happen here. A
// match is an error; a new class of bug brings a rule. Lines marked with '*'
// are what tools/check-static prints.
//
// Only files in which this extended regular expression (grep -z) matches are
// read; a rule that needs none of its words brings its own:
//
// words: \b(mmap|memset)\b|return\s+(-1;|ioctl|open|close|fcntl)|<\s*sizeof

// mmap says MAP_FAILED, never NULL.
@mmap_null@
expression p;
@@
  p = mmap(...);
  ... when != p = MAP_FAILED
      when != p == MAP_FAILED
      when != p != MAP_FAILED
(
* p == NULL
|
* p != NULL
|
* !p
)

@mmap_null_initialised@
type T;
identifier p;
@@
  T p = mmap(...);
  ... when != p == MAP_FAILED
      when != p != MAP_FAILED
(
* p == NULL
|
* p != NULL
|
* !p
)

// memset of an array with the size of one of its elements.
@memset_one_element@
type T;
identifier a;
expression value, n;
@@
  T a[n];
  ...
(
* memset(a, value, sizeof(*a))
|
* memset(a, value, sizeof(a[0]))
|
* memset(a, value, sizeof(T))
)

// The same for a fresh allocation of several.
@memset_one_of_many@
expression p, value, n;
constant c != 1;
@@
(
  p = calloc(n, sizeof(*p));
|
  p = malloc(c * sizeof(*p));
)
  ... when != p = NULL
* memset(p, value, sizeof(*p))

// A function that answers -errno must not answer a bare -1 (it reads as
// EPERM), nor hand on the -1 of a system call.
@answers_errno@
symbol errno;
identifier f;
constant E =~ "^E[A-Z0-9]+$";
@@
  f(...)
  {
    <+...
(
    return -E;
|
    return trace_err(-E);
|
    return trace_err(-errno);
|
    return -errno;
)
    ...+>
  }

@bare_minus_one@
identifier answers_errno.f;
@@
  f(...)
  {
    <...
(
*   return -1;
|
*   return ioctl(...);
|
*   return open(...);
|
*   return close(...);
|
*   return fcntl(...);
)
    ...>
  }

// sizeof counts bytes; ARRAY_SIZE counts elements. Arrays of bytes are fine.
@byte_array@
typedef u8, s8, uint8_t, int8_t;
type T = {char, unsigned char, signed char, u8, s8, uint8_t, int8_t};
identifier a;
expression n, i;
position fine;
@@
  T a[n];
  <...
  i <@fine sizeof(a)
  ...>

// As a loop's condition only: comparing a size with a size is no mistake.
@sizeof_as_count@
type T, U;
identifier a, i;
expression n, e;
statement S;
position at != byte_array.fine;
@@
  T a[n];
  <...
(
* for (U i = e; i <@at sizeof(a); ...) S
|
* for (i = e; i <@at sizeof(a); ...) S
)
  ...>
