#include "plugins/meta/tuning/allow_list.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::tuning {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20U;

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

PCRE2_SPTR bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

class Expression {
 public:
  explicit Expression(const std::string& text) {
    int error = 0;
    std::size_t offset = 0;
    // As in Go "$" is the end of the text, not also the place before a newline there.
    code_.reset(
        pcre2_compile(bytes(text), text.size(), PCRE2_DOLLAR_ENDONLY, &error, &offset, nullptr));
    if (!code_) {
      unsigned char words[120] = {};
      pcre2_get_error_message(error, words, sizeof words);
      throw cni::Error(
          cni::Code::kInvalidNetworkConfig,
          concat(kAllowListPath, ": ", linnet::quoted(text), " is no regular expression (",
                 reinterpret_cast<const char*>(words), " at byte ", offset, "): correct the line"));
    }
    match_.reset(pcre2_match_data_create(1, nullptr));
  }

  // An expression that runs out of the library's limits matches nothing.
  [[nodiscard]] bool matches(const std::string& name) const {
    return pcre2_match(code_.get(), bytes(name), name.size(), 0, 0, match_.get(), nullptr) >= 0;
  }

 private:
  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_match_data, FreeMatch> match_;
};

}  // namespace

std::vector<std::string> parse_allow_list(std::string_view text) {
  std::vector<std::string> list;
  for (const std::string& line : split(text, '\n')) {
    if (const std::string_view expression = trim(line); !expression.empty()) {
      list.emplace_back(expression);
    }
  }
  return list;
}

std::optional<std::vector<std::string>> find_allow_list(const std::string& path) {
  try {
    const std::optional<std::string> text = find_file(path, kMaxFile);
    return text ? std::optional(parse_allow_list(*text)) : std::nullopt;
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kIoFailure, concat("the list of allowed sysctls: ", error.what()));
  }
}

void require_allowed(std::span<const std::string> names, std::span<const std::string> list) {
  std::vector<Expression> expressions;
  for (const std::string& text : list) {
    expressions.emplace_back(text);
  }
  for (const std::string& name : names) {
    const bool allowed = std::ranges::any_of(
        expressions, [&](const Expression& expression) { return expression.matches(name); });
    if (!allowed) {
      throw cni::Error(
          cni::Code::kInvalidNetworkConfig,
          concat("Sysctl ", name, " is not allowed. Only the following sysctls are allowed: [",
                 join(list, " "), "]"),
          concat("the list is ", kAllowListPath));
    }
  }
}

}  // namespace linnet::tuning
