#include "plugins/ipam/host-local/resolv_conf.h"

#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::host_local {

namespace {

constexpr std::size_t kFileLimit = 64 * 1024;

std::vector<std::string> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r\v\f";
  std::vector<std::string> words;
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;
       at = line.find_first_not_of(kBlank, at)) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace

cni::Dns parse_resolv_conf(std::string_view text) {
  cni::Dns dns;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 2 || words[0].starts_with('#') || words[0].starts_with(';')) {
      continue;
    }
    if (words[0] == "nameserver") {
      dns.nameservers.push_back(words[1]);
    } else if (words[0] == "domain") {
      dns.domain = words[1];
    } else if (words[0] == "search") {
      dns.search.insert(dns.search.end(), words.begin() + 1, words.end());
    } else if (words[0] == "options") {
      dns.options.insert(dns.options.end(), words.begin() + 1, words.end());
    }
  }
  return dns;
}

cni::Dns read_resolv_conf(const std::string& path, std::string_view key) {
  try {
    return parse_resolv_conf(read_file(path, kFileLimit));
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"", key, "\": ", error.what(),
                            "; name a file in the format of resolv.conf, or leave the key out"));
  }
}

}  // namespace linnet::host_local
