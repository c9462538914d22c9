#include "base/transaction.h"

#include <exception>
#include <ranges>

#include "base/log.h"
#include "base/text.h"

namespace linnet {

Transaction::~Transaction() {
  for (auto& [what, step] : std::views::reverse(steps_)) {
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
