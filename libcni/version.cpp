#include "libcni/version.h"

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::cni {

namespace {

std::array<unsigned, 3> parts_of(std::string_view version) {
  const std::vector<std::string> words = split(version, '.');
  std::array<unsigned, 3> parts{};
  bool valid = words.size() == parts.size();
  for (std::size_t i = 0; valid && i < parts.size(); ++i) {
    const std::optional<unsigned> number = parse_number<unsigned>(words[i]);
    valid = number.has_value();
    parts[i] = number.value_or(0);
  }
  if (!valid) {
    throw Error(Code::kIncompatibleVersion, "incompatible CNI versions",
                concat("\"cniVersion\": expected MAJOR.MINOR.PATCH such as ", kNewestVersion,
                       ", got ", linnet::quoted(version, 80)));
  }
  return parts;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  const auto order = parts_of(a) <=> parts_of(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

Json version_answer(std::span<const std::string_view> supported) {
  return {{"cniVersion", kNewestVersion}, {"supportedVersions", supported}};
}

std::vector<std::string> parse_version_answer(const Json& answer) {
  ObjectReader reader(answer, "answer to VERSION", Code::kDecodingFailure);
  const std::string version = reader.text("cniVersion").value_or("");
  if (version.empty()) {
    reader.fail("cniVersion", "missing; a plugin answers VERSION with the version it speaks");
  }
  std::vector<std::string> supported =
      reader.text_list("supportedVersions").value_or(std::vector<std::string>{});
  if (!supported.empty()) {
    return supported;
  }
  if (version == "0.2.0") {
    return {"0.1.0", "0.2.0"};
  }
  reader.fail("supportedVersions", "missing; a plugin answers VERSION with all versions it speaks");
}

}  // namespace linnet::cni
