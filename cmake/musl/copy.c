// memcpy(3) and memmove(3) for x86-64. Those of musl 1.2 copy everything by "rep movsq", whatever its size: 50 ns
// a call, and a plugin makes over a thousand, of a dozen bytes each. One object for both: that of musl has both, too.
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__

// From here on the processor's own loop is the faster one.
static const size_t kLarge = 2048;

typedef uint16_t Unit2 __attribute__((aligned(1), may_alias));
typedef uint32_t Unit4 __attribute__((aligned(1), may_alias));
typedef uint64_t Unit8 __attribute__((aligned(1), may_alias));
typedef uint64_t Unit16 __attribute__((vector_size(16), aligned(1), may_alias));

// Up to 16 bytes. The first and the last part may overlap; all is read before anything is written.
static void copy_few(unsigned char* to, const unsigned char* from, size_t size) {
  if (size >= 8) {
    const uint64_t first = *(const Unit8*)from;
    const uint64_t last = *(const Unit8*)(from + size - 8);
    *(Unit8*)to = first;
    *(Unit8*)(to + size - 8) = last;
  } else if (size >= 4) {
    const uint32_t first = *(const Unit4*)from;
    const uint32_t last = *(const Unit4*)(from + size - 4);
    *(Unit4*)to = first;
    *(Unit4*)(to + size - 4) = last;
  } else if (size >= 2) {
    const uint16_t first = *(const Unit2*)from;
    const uint16_t last = *(const Unit2*)(from + size - 2);
    *(Unit2*)to = first;
    *(Unit2*)(to + size - 2) = last;
  } else if (size == 1) {
    *to = *from;
  }
}

// More than 16 bytes, to a place that is before `from` or does not overlap.
static void copy_upwards(unsigned char* to, const unsigned char* from, size_t size) {
  if (size >= kLarge) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return;
  }
  const Unit16 last = *(const Unit16*)(from + size - 16);
  unsigned char* const end = to + size - 16;
  for (; to < end; to += 16, from += 16) {
    *(Unit16*)to = *(const Unit16*)from;
  }
  *(Unit16*)end = last;
}

static void copy_downwards(unsigned char* to, const unsigned char* from, size_t size) {
  const Unit16 first = *(const Unit16*)from;
  for (; size > 16; size -= 16) {
    *(Unit16*)(to + size - 16) = *(const Unit16*)(from + size - 16);
  }
  *(Unit16*)to = first;
}

void* memcpy(void* restrict to, const void* restrict from, size_t size) {
  if (size <= 16) {
    copy_few((unsigned char*)to, (const unsigned char*)from, size);
  } else {
    copy_upwards((unsigned char*)to, (const unsigned char*)from, size);
  }
  return to;
}

void* memmove(void* to, const void* from, size_t size) {
  if (size <= 16) {
    copy_few((unsigned char*)to, (const unsigned char*)from, size);
  } else if ((uintptr_t)to - (uintptr_t)from >= size) {
    copy_upwards((unsigned char*)to, (const unsigned char*)from, size);
  } else {
    copy_downwards((unsigned char*)to, (const unsigned char*)from, size);
  }
  return to;
}

#endif
