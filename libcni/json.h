// JSON as the protocol uses it: bounded, with keys matched without regard to case, and with
// messages that name key, value and way out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::cni {

using Json = nlohmann::json;

enum class Code : int;  // libcni/error.h

// Parses one document. Throws Error(kDecodingFailure) that says where `what` ("the configuration on
// stdin") stops being JSON, and for nesting deeper than 128 levels.
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what);

// Compact text; bytes that are not UTF-8 are replaced, never an exception.
[[nodiscard]] std::string dump(const Json& json);

// The members of an object by name, each as compact text. Empty for what is no object.
using MemberTexts = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] MemberTexts member_texts(const Json& object);

// The member called `key`: the one of exactly that name, else one that differs only in ASCII case
// (callers that marshal Go structures without tags send "HostPort"). Null when there is none, when
// its value is JSON null, or when `object` is not an object.
[[nodiscard]] const Json* find_key(const Json& object, std::string_view key);

// `value` in a few words for a message: text in quotes, numbers as they are, "a list", "an object".
[[nodiscard]] std::string describe(const Json& value);

// Reads the members of one JSON object and remembers which were asked for.
//
// Every reader returns absent for a missing or null member. A member of another type throws
// Error(`code`), kInvalidNetworkConfig unless the constructor got another, with a message such as
//     "mtu": expected an integer, got "1500"
// where nested objects show their path ("ipam.ranges[0][1].subnet").
class ObjectReader {
 public:
  // `path` is the object's own name in messages, empty for the top. `object` must outlive the
  // reader. Throws when `object` is not a JSON object.
  ObjectReader(const Json& object, std::string path);
  ObjectReader(const Json& object, std::string path, Code code);

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  // As boolean, but also takes "true" and "false" in any case, as libcni does for its own switches.
  [[nodiscard]] std::optional<bool> lenient_boolean(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t min,
                                                    std::int64_t max);
  [[nodiscard]] std::optional<std::vector<std::string>> text_list(std::string_view key);
  [[nodiscard]] const Json* object(std::string_view key);
  [[nodiscard]] const Json* array(std::string_view key);
  // Any type.
  [[nodiscard]] const Json* any(std::string_view key);

  // "path.key" as messages show it.
  [[nodiscard]] std::string name_of(std::string_view key) const;
  // Throws the error that a wrong value of `key` deserves: `"mtu": <problem>`.
  [[noreturn]] void fail(std::string_view key, std::string_view problem) const;

  // One sentence for each member that was neither asked for nor expected (`also_known`), such as
  //     "isGatway": unknown key, did you mean "isGateway"?
  // Keys that start with "cni.dev/" are never unknown.
  [[nodiscard]] std::vector<std::string> unknown_keys(
      const std::vector<std::string_view>& also_known) const;

 private:
  // The member, remembered as asked for; throws unless `accepts` is true of it.
  const Json* find(std::string_view key, bool (*accepts)(const Json&), std::string_view expected);
  [[noreturn]] void fail_type(std::string_view key, std::string_view expected,
                              const Json& value) const;

  const Json& object_;
  std::string path_;
  Code code_;
  std::vector<std::string> asked_;
};

}  // namespace linnet::cni
