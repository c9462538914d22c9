// What the distribution's libraries call of glibc and musl does not have.
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// Of a library that was compiled with _FORTIFY_SOURCE (PCRE2).
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): a name of glibc
void* __memcpy_chk(void* to, const void* from, size_t size, size_t room) {
  if (size > room) {
    abort();
  }
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling): checked just now
  return memcpy(to, from, size);
}

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
