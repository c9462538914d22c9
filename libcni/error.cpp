#include "libcni/error.h"

#include <utility>

#include "base/text.h"

namespace linnet::cni {

Error::Error(Code code, std::string message, std::string details)
    : Error(static_cast<int>(code), std::move(message), std::move(details)) {}

Error::Error(int code, std::string message, std::string details)
    : std::runtime_error(details.empty() ? message : concat(message, "; ", details)),
      code_(code),
      message_(std::move(message)),
      details_(std::move(details)) {}

Json to_json(const Error& error, const std::string& cni_version) {
  Json json = {{"cniVersion", cni_version}, {"code", error.code()}, {"msg", error.message()}};
  if (!error.details().empty()) {
    json["details"] = error.details();
  }
  return json;
}

Error as_error(const std::exception& exception) {
  if (const auto* error = dynamic_cast<const Error*>(&exception)) {
    return *error;
  }
  return {Code::kInternal, exception.what()};
}

}  // namespace linnet::cni
