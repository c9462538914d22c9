// What the distribution's libraries call of glibc and musl does not have.
#define _GNU_SOURCE
#include <link.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The libraries were compiled with _FORTIFY_SOURCE (PCRE2, libnl, libnftnl, libmnl): functions that also get the room
// at the destination. `flag` asks glibc to refuse %n in a format that can be written; the formats here are constants.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): names of glibc

int __vfprintf_chk(FILE* stream, int flag, const char* format, va_list arguments) {
  (void)flag;
  return vfprintf(stream, format, arguments);
}

int __fprintf_chk(FILE* stream, int flag, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = __vfprintf_chk(stream, flag, format, arguments);
  va_end(arguments);
  return written;
}

int __printf_chk(int flag, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = __vfprintf_chk(stdout, flag, format, arguments);
  va_end(arguments);
  return written;
}

static int format_into(char* to, size_t size, size_t room, const char* format, va_list arguments) {
  if (size > room) {
    abort();
  }
  return vsnprintf(to, size, format, arguments);
}

int __snprintf_chk(char* to, size_t size, int flag, size_t room, const char* format, ...) {
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  const int written = format_into(to, size, room, format, arguments);
  va_end(arguments);
  return written;
}

int __sprintf_chk(char* to, int flag, size_t room, const char* format, ...) {
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  // vsnprintf(3) takes no more than INT_MAX; the room may be unknown, which is the largest number there is.
  const size_t size = room > 0x7fffffff ? 0x7fffffff : room;
  const int written = format_into(to, size, room, format, arguments);
  va_end(arguments);
  if ((size_t)written >= size) {
    abort();
  }
  return written;
}

int __vasprintf_chk(char** to, int flag, const char* format, va_list arguments) {
  (void)flag;
  return vasprintf(to, format, arguments);
}

int __asprintf_chk(char** to, int flag, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = __vasprintf_chk(to, flag, format, arguments);
  va_end(arguments);
  return written;
}

void* __memcpy_chk(void* to, const void* from, size_t size, size_t room) {
  if (size > room) {
    abort();
  }
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling): checked just now
  return memcpy(to, from, size);
}

// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

// The question that libgcc's unwinder asks for each frame of an exception ("Dynamic Linker Introspection" in
// glibc's manual), answered for the one object that a static executable is.

struct dl_find_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  struct link_map* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct question {
  const char* address;
  struct dl_find_object* answer;
};

static int look_at(struct dl_phdr_info* object, size_t size, void* data) {
  (void)size;
  const struct question* question = data;
  char* start = NULL;
  char* end = NULL;
  void* eh_frame = NULL;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)* header = &object->dlpi_phdr[i];
    // NOLINTNEXTLINE(performance-no-int-to-ptr): ELF's addresses are integers
    char* segment = (char*)object->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_LOAD) {
      start = start == NULL || segment < start ? segment : start;
      end = segment + header->p_memsz > end ? segment + header->p_memsz : end;
    } else if (header->p_type == PT_GNU_EH_FRAME) {
      eh_frame = segment;
    }
  }
  if (eh_frame == NULL || question->address < start || question->address >= end) {
    return 0;
  }
  *question->answer = (struct dl_find_object){
      .map_start = start, .map_end = end, .link_map = NULL, .eh_frame = eh_frame};
  return 1;
}

// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): a name of glibc
int _dl_find_object(void* address, struct dl_find_object* answer) {
  struct question question = {address, answer};
  return dl_iterate_phdr(look_at, &question) != 0 ? 0 : -1;
}
