// A JSON object put together from members that are JSON text already: the long ones (capability arguments, results)
// go to several plugins and into the cache, and are neither copied as trees nor written more than once.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "libcni/json.h"

namespace linnet::cni {

class ObjectText {
 public:
  ObjectText() = default;
  // Begins with the members of a JSON object.
  explicit ObjectText(const Json& object) : text_(dump(object)) { text_.pop_back(); }

  // No member has that name yet; `json` is one JSON value.
  void add(std::string_view name, std::string_view json) {
    text_.append(empty() ? "" : ",").append(dump(Json(name))).append(":").append(json);
  }

  [[nodiscard]] bool empty() const { return text_.size() == 1; }
  [[nodiscard]] std::string finish() && { return std::move(text_.append("}")); }

 private:
  std::string text_ = "{";
};

}  // namespace linnet::cni
