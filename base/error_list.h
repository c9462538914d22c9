// Errors of a verb that never stops early (DEL, GC).
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace linnet {

class ErrorList {
 public:
  // Runs `step` and keeps its error, if any, so that the next step runs in any case.
  template <typename Step>
  void attempt(Step&& step) {
    try {
      std::forward<Step>(step)();
    } catch (...) {
      errors_.push_back(std::current_exception());
    }
  }

  void add(std::exception_ptr error) { errors_.push_back(std::move(error)); }

  [[nodiscard]] bool empty() const { return errors_.empty(); }
  [[nodiscard]] std::size_t size() const { return errors_.size(); }

  // The messages, joined by "; ".
  [[nodiscard]] std::string text() const;

  // Nothing if there is no error; the error itself if there is one, so that its type and code
  // survive; else a std::runtime_error with all messages.
  void throw_if_any() const;

 private:
  std::vector<std::exception_ptr> errors_;
};

}  // namespace linnet
