#include "plugins/ipam/build_note.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace linnet::ipam {

namespace {

// Linkers put program headers and notes at the start of the file. Where one does not, the plugin is
// executed, which is only slower.
constexpr std::size_t kHead = 4096;

using Bytes = std::span<const std::byte>;

template <typename T>
std::optional<T> read_at(Bytes bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::optional<std::string_view> text_at(Bytes bytes, std::size_t offset, std::size_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) {
    return std::nullopt;
  }
  return std::string_view(std::bit_cast<const char*>(bytes.data() + offset), size);
}

constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

bool notes_contain(Bytes notes, std::string_view description) {
  constexpr std::string_view kOwner("linnet\0", 7);
  std::size_t offset = 0;
  while (const auto header = read_at<Elf64_Nhdr>(notes, offset)) {
    const std::size_t name = offset + sizeof(Elf64_Nhdr);
    const std::size_t text = name + padded(header->n_namesz);
    if (text_at(notes, name, header->n_namesz) == kOwner &&
        text_at(notes, text, header->n_descsz) == description) {
      return true;
    }
    offset = text + padded(header->n_descsz);
  }
  return false;
}

bool head_contains(Bytes head, std::string_view description) {
  const auto file = read_at<Elf64_Ehdr>(head, 0);
  if (!file || std::memcmp(file->e_ident, ELFMAG, SELFMAG) != 0 ||
      file->e_ident[EI_CLASS] != ELFCLASS64) {
    return false;
  }
  for (std::size_t i = 0; i < file->e_phnum; ++i) {
    const auto segment = read_at<Elf64_Phdr>(head, file->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) {
      return false;
    }
    const auto notes = text_at(head, segment->p_offset, segment->p_filesz);
    if (segment->p_type == PT_NOTE && notes &&
        notes_contain(std::as_bytes(std::span(*notes)), description)) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool has_build_note(const std::string& executable, std::string_view type) {
  const UniqueFd file(::open(executable.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file && is_shortage(errno)) {
    throw SystemError(errno, concat("open ", executable));
  }
  if (!file) {
    return false;
  }
  std::array<std::byte, kHead> head;
  const ssize_t got = ::pread(file.get(), head.data(), head.size(), 0);
  if (got < 0 && (is_shortage(errno) || errno == EIO)) {
    throw SystemError(errno, concat("read ", executable));
  }
  // Both texts end in a null byte that counts.
  const std::string description = concat(type, " " LINNET_VERSION, std::string_view("\0", 1));
  return got > 0 && head_contains(Bytes(head).first(static_cast<std::size_t>(got)), description);
}

}  // namespace linnet::ipam
