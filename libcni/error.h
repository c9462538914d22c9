// The error object of the CNI protocol.
// Source: CNI specification 1.1.0, "Error" and "Error codes".
#pragma once

#include <stdexcept>
#include <string>

#include "libcni/json.h"

namespace linnet::cni {

enum class Code : int {
  kUnknown = 0,
  kIncompatibleVersion = 1,
  kUnsupportedField = 2,
  kUnknownContainer = 3,
  kInvalidEnvironment = 4,
  kIoFailure = 5,
  kDecodingFailure = 6,
  kInvalidNetworkConfig = 7,
  kInvalidNetns = 8,
  kTryAgainLater = 11,
  kPluginNotAvailable = 50,
  kLimitedConnectivity = 51,
  kInternal = 999,
};

// What ends a verb. `what()` is the message with the details appended, for people; message() and
// details() are the two fields of the protocol. Messages say what was tried with which values,
// start in lower case and carry no "failed to".
class Error : public std::runtime_error {
 public:
  Error(Code code, std::string message, std::string details = {});
  // A code that a plugin chose (100 and more) or that a child reported.
  Error(int code, std::string message, std::string details = {});

  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::string& details() const { return details_; }

 private:
  int code_;
  std::string message_;
  std::string details_;
};

// {"cniVersion": …, "code": …, "msg": …, "details": …}; empty details are left out.
[[nodiscard]] Json to_json(const Error& error, const std::string& cni_version);

// Any exception as a protocol error: an Error as it is, anything else as kInternal with its text.
[[nodiscard]] Error as_error(const std::exception& exception);

}  // namespace linnet::cni
