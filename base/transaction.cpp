#include "base/transaction.h"

#include <exception>

#include "base/log.h"
#include "base/text.h"

namespace linnet {

Transaction::~Transaction() {
  for (auto entry = steps_.rbegin(); entry != steps_.rend(); ++entry) {
    const auto& [what, step] = *entry;
    try {
      step();
    } catch (const std::exception& error) {
      log_warning(concat("roll back: ", what, ": ", error.what()));
    } catch (...) {
      log_warning(concat("roll back: ", what, ": unknown error"));
    }
  }
}

}  // namespace linnet
