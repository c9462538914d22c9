// An ELF note by which an executable says that it is an IPAM plugin of this very build, so that another
// executable of the build may run the same code in its own process.
// Source: elf(5), "Notes (Nhdr)".
#pragma once

#include <string>
#include <string_view>

// To be written once in the plugin.cpp of an IPAM plugin, outside of all namespaces. `type` is a string
// literal. LINNET_VERSION comes from the build.
#define LINNET_IPAM_NOTE(type)                    \
  asm(".pushsection .note.linnet, \"a\", %note\n" \
      ".balign 4\n"                               \
      ".long 2f - 1f, 4f - 3f, 1\n"               \
      "1: .asciz \"linnet\"\n"                    \
      "2: .balign 4\n"                            \
      "3: .asciz \"" type " " LINNET_VERSION      \
      "\"\n"                                      \
      "4: .balign 4\n"                            \
      ".popsection")

namespace linnet::ipam {

// Whether the executable carries the note of this build for `type`. False for whatever cannot be read. Throws
// SystemError where that was a shortage or an error of the disk, since then it may be one.
[[nodiscard]] bool has_build_note(const std::string& executable, std::string_view type);

}  // namespace linnet::ipam
