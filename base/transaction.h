// The undo stack of a verb that creates things.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace linnet {

// Armed from the start: unless commit() is reached, the destructor runs the registered undo steps,
// newest first. A step that throws is logged and never keeps the others from running, nor replaces
// the error that is unwinding.
//
// Steps capture values, never references to locals: they run while the scope is being left. A step
// treats "already gone" as success.
class Transaction {
 public:
  Transaction() = default;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  // `what` names the step in the log if undoing it fails ("remove veth x").
  void undo_with(std::string what, std::function<void()> step) {
    steps_.emplace_back(std::move(what), std::move(step));
  }

  // Everything was made: nothing is undone any more.
  void commit() { steps_.clear(); }

 private:
  std::vector<std::pair<std::string, std::function<void()>>> steps_;
};

}  // namespace linnet
