#include "plugins/attach/uplink.h"

#include "base/text.h"
#include "libcni/error.h"
#include "libcni/request.h"

namespace linnet::attach {

namespace {

// A length has 16 bits.
constexpr std::int64_t kLargestMtu = 65535;

[[noreturn]] void fail(const std::string& message) {
  throw cni::Error(cni::Code::kInvalidNetworkConfig, message);
}

}  // namespace

UplinkKeys parse_uplink_keys(cni::ObjectReader& reader) {
  UplinkKeys keys;
  keys.master = reader.text("master").value_or("");
  if (!keys.master.empty()) {
    if (const std::string problem = cni::problem_with_ifname(keys.master); !problem.empty()) {
      reader.fail("master", problem);
    }
  }
  keys.in_container = reader.boolean("linkInContainer").value_or(false);
  keys.mtu = static_cast<std::uint32_t>(reader.integer("mtu", 0, kLargestMtu).value_or(0));
  return keys;
}

netlink::Link get_uplink(netlink::RouteSocket& where, const UplinkKeys& keys) {
  const std::string_view place = keys.in_container ? "the container" : "the host";
  std::optional<netlink::Link> uplink;
  if (!keys.master.empty()) {
    uplink = where.find_link(keys.master);
    if (!uplink) {
      fail(concat("\"master\": there is no interface ", linnet::quoted(keys.master), " in ", place,
                  ": name one that is there, or leave the key out to take the one of the default "
                  "route",
                  keys.in_container ? "" : "; \"linkInContainer\": true looks in the container"));
    }
  } else {
    const std::optional<netlink::Route> route = where.find_default_route();
    uplink = route ? where.find_link(route->link) : std::nullopt;
    if (!uplink) {
      fail(concat("\"master\": missing, and ", place,
                  " has no default route whose interface could be taken: name the interface"));
    }
  }
  if (keys.mtu > uplink->mtu) {
    fail(concat("\"mtu\": invalid MTU ", keys.mtu, ", must be [0, master MTU(", uplink->mtu,
                ")]: lower it, leave it out, or raise that of ", uplink->name));
  }
  return *std::move(uplink);
}

}  // namespace linnet::attach
