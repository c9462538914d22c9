#include "base/error.h"

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace linnet {

std::string errno_text(int code) {
#ifdef __GLIBC__
  const char* description = strerrordesc_np(code);
#else
  // musl has one text for all that it does not know.
  const char* description = std::strerror(code);
  if (std::strcmp(description, std::strerror(-1)) == 0) {
    description = nullptr;
  }
#endif
  if (description == nullptr) {
    return concat("errno ", code);
  }
  std::string text = description;
  // "No such file" becomes "no such file", but "RPC ..." stays: messages continue a sentence.
  if (text.size() > 1 && text[1] >= 'a' && text[1] <= 'z') {
    text[0] = static_cast<char>(text[0] | 0x20);
  }
  return text;
}

bool is_shortage(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM || code == ENOBUFS || code == EINTR ||
         code == EAGAIN;
}

SystemError::SystemError(int code, std::string_view what)
    : std::runtime_error(concat(what, ": ", errno_text(code))), code_(code) {}

}  // namespace linnet
