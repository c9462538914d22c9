#include "base/error_list.h"

#include <stdexcept>

namespace linnet {

std::string ErrorList::text() const {
  std::string out;
  for (const std::exception_ptr& error : errors_) {
    if (!out.empty()) {
      out += "; ";
    }
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      out += e.what();
    } catch (...) {
      out += "unknown error";
    }
  }
  return out;
}

void ErrorList::throw_if_any() const {
  if (errors_.size() == 1) {
    std::rethrow_exception(errors_.front());
  }
  if (!errors_.empty()) {
    throw std::runtime_error(text());
  }
}

}  // namespace linnet
