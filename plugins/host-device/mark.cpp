#include "plugins/host-device/mark.h"

#include "base/text.h"
#include "libcni/request.h"

namespace linnet::host_device {

namespace {

constexpr std::string_view kPrefix = "linnet:";
constexpr std::string_view kDevice = ", device: ";
constexpr std::string_view kUp = ", up";
constexpr std::string_view kDown = ", down";
constexpr std::string_view kAlias = ", alias: ";
// IFALIASZ of linux/if.h, less the zero at the end.
constexpr std::size_t kLongestAlias = 255;

bool take(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) {
    return false;
  }
  text.remove_prefix(start.size());
  return true;
}

}  // namespace

std::string mark_text(const Mark& mark) {
  return concat(kPrefix, mark.owner_key, kDevice, mark.name, mark.up ? kUp : kDown,
                mark.alias.empty() ? std::string_view() : kAlias, mark.alias)
      .substr(0, kLongestAlias);
}

std::optional<Mark> parse_mark(std::string_view alias) {
  Mark mark;
  mark.owner_key = attach::key_in_alias(alias);
  if (mark.owner_key.empty()) {
    return std::nullopt;
  }
  std::string_view rest = alias.substr(kPrefix.size() + mark.owner_key.size());
  if (!take(rest, kDevice)) {
    return std::nullopt;
  }
  // No name has a comma that a state could follow: it is the last one before the alias.
  const std::string_view head = rest.substr(0, rest.find(kAlias));
  const std::size_t end = head.rfind(',');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  mark.name = head.substr(0, end);
  rest.remove_prefix(end);
  mark.up = take(rest, kUp);
  if ((!mark.up && !take(rest, kDown)) || !cni::problem_with_ifname(mark.name).empty()) {
    return std::nullopt;
  }
  if (take(rest, kAlias)) {
    mark.alias = rest;
  }
  return mark;
}

Mark mark_of(const netlink::Link& link, const attach::Attachment& attachment) {
  return {.owner_key = attach::owner_key(attachment),
          .name = link.name,
          .up = link.up,
          .alias = link.alias};
}

}  // namespace linnet::host_device
