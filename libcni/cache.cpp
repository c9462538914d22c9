#include "libcni/cache.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "libcni/error.h"
#include "libcni/object_text.h"
#include "libcni/request.h"

namespace linnet::cni {

namespace {

constexpr std::string_view kKind = "cniCacheV1";
constexpr std::size_t kMaxFile = std::size_t{16} << 20U;
// A file name of 255 bytes, less the suffix of the temporary file it is written through.
constexpr std::size_t kMaxName = 255 - std::string_view(".tmp").size();

std::string file_name(std::string_view network, std::string_view container_id,
                      std::string_view ifname) {
  return concat(network, '-', container_id, '-', ifname);
}

bool is_of_kind(const Json& json) {
  const Json* kind = find_key(json, "kind");
  return kind != nullptr && *kind == kKind;
}

std::string content_of(const CachedAttachment& attachment, const MemberTexts& capability_args,
                       std::string_view result) {
  Json json = {{"kind", kKind},
               {"containerId", attachment.container_id},
               {"config", to_base64(attachment.config)},
               {"ifName", attachment.ifname},
               {"networkName", attachment.network}};
  if (!attachment.netns.empty()) {
    json["netns"] = attachment.netns;
  }
  for (const auto& [key, value] : attachment.args) {
    json["cniArgs"].push_back(Json::array({key, value}));
  }
  ObjectText content(json);
  if (!capability_args.empty()) {
    ObjectText arguments;
    for (const auto& [name, text] : capability_args) {
      arguments.add(name, text);
    }
    content.add("capabilityArgs", std::move(arguments).finish());
  }
  if (!result.empty()) {
    content.add("result", result);
  }
  return std::move(content).finish();
}

std::vector<std::pair<std::string, std::string>> read_args(ObjectReader& reader) {
  std::vector<std::pair<std::string, std::string>> args;
  const Json* list = reader.array("cniArgs");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const Json& pair = (*list)[i];
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      reader.fail(concat("cniArgs[", i, ']'), "expected a pair of strings");
    }
    args.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
  }
  return args;
}

// The names become parts of paths and variables of plugins: a file may be anybody's.
std::string read_name(ObjectReader& reader, std::string_view key,
                      std::string (*problem_with)(std::string_view)) {
  std::string name = reader.text(key).value_or("");
  if (const std::string problem = problem_with(name); !problem.empty()) {
    reader.fail(key, problem);
  }
  return name;
}

CachedAttachment parse_content(const Json& json) {
  ObjectReader reader(json, "", Code::kDecodingFailure);
  CachedAttachment attachment;
  attachment.network = read_name(reader, "networkName", problem_with_network_name);
  attachment.container_id = read_name(reader, "containerId", problem_with_container_id);
  attachment.ifname = read_name(reader, "ifName", problem_with_ifname);
  attachment.netns = reader.text("netns").value_or("");
  const std::optional<std::string> config = from_base64(reader.text("config").value_or(""));
  if (!config) {
    reader.fail("config", "expected base64");
  }
  attachment.config = *config;
  attachment.args = read_args(reader);
  if (const Json* capability_args = reader.object("capabilityArgs")) {
    attachment.capability_args = *capability_args;
  }
  if (const Json* result = reader.object("result")) {
    attachment.result = *result;
  }
  return attachment;
}

// Absent when there is no file.
std::optional<Json> find_json(const std::string& path) {
  const std::optional<std::string> text = find_file(path, kMaxFile);
  return text ? std::optional(parse_json(*text, path)) : std::nullopt;
}

CachedAttachment parse_file(const Json& json, const std::string& path) {
  try {
    return parse_content(json);
  } catch (const Error& error) {
    throw Error(error.code(), concat(path, ": ", error.message()), error.details());
  }
}

}  // namespace

std::string ResultCache::path_of(std::string_view network, std::string_view container_id,
                                 std::string_view ifname) const {
  return concat(folder_, "/results/", file_name(network, container_id, ifname));
}

void ResultCache::save(const CachedAttachment& attachment) const {
  save(attachment, member_texts(attachment.capability_args),
       attachment.result.is_null() ? std::string() : dump(attachment.result));
}

void ResultCache::save(const CachedAttachment& attachment, const MemberTexts& capability_args,
                       std::string_view result) const {
  const std::size_t length =
      file_name(attachment.network, attachment.container_id, attachment.ifname).size();
  if (length > kMaxName) {
    throw Error(Code::kInvalidEnvironment,
                concat("network ", linnet::quoted(attachment.network, 40), ", container id ",
                       linnet::quoted(attachment.container_id, 40), " and interface ",
                       linnet::quoted(attachment.ifname), " make a file name of ", length,
                       " bytes, possible are ", kMaxName),
                "use a shorter name or id");
  }
  ensure_directory(concat(folder_, "/results"), 0700);
  write_file_atomically(path_of(attachment.network, attachment.container_id, attachment.ifname),
                        content_of(attachment, capability_args, result), 0600);
}

std::optional<CachedAttachment> ResultCache::find(std::string_view network,
                                                  std::string_view container_id,
                                                  std::string_view ifname) const {
  const std::string path = path_of(network, container_id, ifname);
  std::optional<Json> json = find_json(path);
  if (!json) {
    return std::nullopt;
  }
  if (!is_of_kind(*json)) {
    return CachedAttachment{.network = std::string(network),
                            .container_id = std::string(container_id),
                            .ifname = std::string(ifname),
                            .result = *std::move(json)};
  }
  CachedAttachment attachment = parse_file(*json, path);
  if (attachment.network != network || attachment.container_id != container_id ||
      attachment.ifname != ifname) {
    return std::nullopt;
  }
  return attachment;
}

void ResultCache::remove_if_present(std::string_view network, std::string_view container_id,
                                    std::string_view ifname) const {
  try {
    if (!find(network, container_id, ifname)) {
      return;
    }
  } catch (const Error&) {
    // Nobody can use a file that cannot be read.
  }
  const std::string path = path_of(network, container_id, ifname);
  // And what a writer that was killed may have left.
  for (const std::string& name : {path, temporary_name(path)}) {
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) {
      throw SystemError(errno, concat("remove ", name));
    }
  }
}

ResultCache::Listing ResultCache::list() const {
  Listing listing;
  const std::string results = concat(folder_, "/results");
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(results.c_str()), ::closedir);
  if (!entries) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return listing;
    }
    throw SystemError(errno, concat("read folder ", results));
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.') && !name.ends_with(".tmp")) {
      names.emplace_back(name);
    }
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const std::string path = concat(results, '/', name);
    try {
      const std::optional<Json> json = find_json(path);
      if (!json || !is_of_kind(*json)) {
        continue;
      }
      CachedAttachment attachment = parse_file(*json, path);
      if (file_name(attachment.network, attachment.container_id, attachment.ifname) != name) {
        throw Error(Code::kDecodingFailure,
                    concat(path, ": names another attachment than its own"));
      }
      listing.attachments.push_back(std::move(attachment));
    } catch (const std::exception& error) {
      listing.problems.emplace_back(error.what());
    }
  }
  return listing;
}

}  // namespace linnet::cni
