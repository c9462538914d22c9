#include "libcni/json.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::cni {

namespace {

constexpr unsigned kMaxDepth = 128;

// The offset of the quote that ends the string whose text begins at `at`, or the end of `text`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] != '"') {
    at += text[at] == '\\' ? 2 : 1;
  }
  return at;
}

// The offset at which `text` nests deeper than allowed. Known before parsing, so that neither the
// parser nor anything that walks its tree recursively ever meets such a document.
std::optional<std::size_t> find_excessive_depth(std::string_view text) {
  unsigned depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        i = end_of_string(text, i + 1);
        break;
      case '{':
      case '[':
        if (++depth > kMaxDepth) {
          return i;
        }
        break;
      case '}':
      case ']':
        depth -= depth > 0 ? 1U : 0U;
        break;
      default:
        break;
    }
  }
  return std::nullopt;
}

constexpr std::string_view kBeforePosition = "parse error at ";

// What nlohmann's parser says, without its own exception number in front.
std::string_view parser_words(const char* what) {
  const std::string_view text = what;
  const std::size_t at = text.find(kBeforePosition);
  return at == std::string_view::npos ? text : text.substr(at + kBeforePosition.size());
}

bool is_integer(const Json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
}

// Absent when the number does not fit.
std::optional<std::int64_t> to_int64(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number <= INT64_MAX ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
  }
  if (value.is_number_integer()) {
    return value.get<std::int64_t>();
  }
  const auto number = value.get<double>();
  if (std::abs(number) >= 0x1p63) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number);
}

bool is_text(const Json& value) { return value.is_string(); }
bool is_boolean(const Json& value) { return value.is_boolean(); }
bool is_object(const Json& value) { return value.is_object(); }
bool is_array(const Json& value) { return value.is_array(); }
bool is_anything(const Json&) { return true; }

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  if (const std::optional<std::size_t> at = find_excessive_depth(text)) {
    throw Error(Code::kDecodingFailure,
                concat(what, ": nested deeper than ", kMaxDepth, " levels at byte ", *at));
  }
  if (trim(text).empty()) {
    throw Error(Code::kDecodingFailure, concat(what, ": expected JSON, got nothing"));
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw Error(Code::kDecodingFailure, concat(what, ": not JSON at ", parser_words(error.what())));
  }
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

MemberTexts member_texts(const Json& object) {
  MemberTexts texts;
  if (object.is_object()) {
    for (auto member = object.begin(); member != object.end(); ++member) {
      texts.emplace(member.key(), dump(member.value()));
    }
  }
  return texts;
}

const Json* find_key(const Json& object, std::string_view key) {
  if (!object.is_object()) {
    return nullptr;
  }
  auto found = object.find(key);
  if (found == object.end()) {
    for (auto member = object.begin(); member != object.end(); ++member) {
      if (equals_ignoring_case(member.key(), key)) {
        found = member;
        break;
      }
    }
  }
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string describe(const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return linnet::quoted(value.get_ref<const std::string&>(), 80);
    default:
      return dump(value);
  }
}

ObjectReader::ObjectReader(const Json& object, std::string path)
    : ObjectReader(object, std::move(path), Code::kInvalidNetworkConfig) {}

ObjectReader::ObjectReader(const Json& object, std::string path, Code code)
    : object_(object), path_(std::move(path)), code_(code) {
  asked_.reserve(8);
  if (!object_.is_object()) {
    const std::string name = path_.empty() ? "the document" : concat('"', path_, '"');
    throw Error(code_, concat(name, ": expected an object, got ", describe(object_)));
  }
}

const Json* ObjectReader::find(std::string_view key, bool (*accepts)(const Json&),
                               std::string_view expected) {
  asked_.emplace_back(key);
  const Json* value = find_key(object_, key);
  if (value != nullptr && !accepts(*value)) {
    fail_type(key, expected, *value);
  }
  return value;
}

std::optional<std::string> ObjectReader::text(std::string_view key) {
  const Json* value = find(key, is_text, "a string");
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

std::optional<bool> ObjectReader::boolean(std::string_view key) {
  const Json* value = find(key, is_boolean, "true or false");
  return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
}

std::optional<bool> ObjectReader::lenient_boolean(std::string_view key) {
  const Json* value = find(key, is_anything, "");
  if (value == nullptr || value->is_boolean()) {
    return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
  }
  if (value->is_string()) {
    const auto& word = value->get_ref<const std::string&>();
    if (equals_ignoring_case(word, "true")) {
      return true;
    }
    if (equals_ignoring_case(word, "false")) {
      return false;
    }
  }
  fail_type(key, "true or false", *value);
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view key, std::int64_t min,
                                                  std::int64_t max) {
  const Json* value = find(key, is_integer, "an integer");
  if (value == nullptr) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> number = to_int64(*value);
  if (!number || *number < min || *number > max) {
    fail_type(key, concat("an integer from ", min, " to ", max), *value);
  }
  return number;
}

std::optional<std::vector<std::string>> ObjectReader::text_list(std::string_view key) {
  const Json* value = find(key, is_array, "a list of strings");
  if (value == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> list;
  for (const Json& element : *value) {
    if (!element.is_string()) {
      fail_type(concat(key, '[', list.size(), ']'), "a string", element);
    }
    list.push_back(element.get<std::string>());
  }
  return list;
}

const Json* ObjectReader::object(std::string_view key) { return find(key, is_object, "an object"); }

const Json* ObjectReader::array(std::string_view key) { return find(key, is_array, "a list"); }

const Json* ObjectReader::any(std::string_view key) { return find(key, is_anything, ""); }

std::string ObjectReader::name_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : concat(path_, '.', key);
}

void ObjectReader::fail(std::string_view key, std::string_view problem) const {
  throw Error(code_, concat('"', name_of(key), "\": ", problem));
}

void ObjectReader::fail_type(std::string_view key, std::string_view expected,
                             const Json& value) const {
  fail(key, concat("expected ", expected, ", got ", describe(value)));
}

std::vector<std::string> ObjectReader::unknown_keys(
    const std::vector<std::string_view>& also_known) const {
  std::vector<std::string_view> known;
  std::vector<std::string> sentences;
  for (auto member = object_.begin(); member != object_.end(); ++member) {
    const std::string& key = member.key();
    // As it is written nearly always: a list may have thousands of objects.
    if (std::ranges::find(asked_, key) != asked_.end()) {
      continue;
    }
    if (known.empty()) {
      known = also_known;
      known.insert(known.end(), asked_.begin(), asked_.end());
    }
    const bool expected = std::ranges::any_of(
        known, [&](std::string_view name) { return equals_ignoring_case(name, key); });
    if (expected || key.starts_with("cni.dev/")) {
      continue;
    }
    std::string sentence = concat(linnet::quoted(name_of(key)), ": unknown key, ");
    if (const std::optional<std::string_view> near = closest_match(key, known)) {
      sentence += concat("did you mean \"", *near, "\"?");
    } else {
      sentence += "it has no effect";
    }
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

}  // namespace linnet::cni
