#include "plugins/attach/child_link.h"

#include <cerrno>

#include "base/error.h"
#include "base/sha512.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/interface.h"

namespace linnet::attach {

namespace {

// In the container for the moment between two messages.
std::string temporary_name(const Attachment& attachment) {
  return concat("tmp", sha512_hex(owner_key(attachment), 12));
}

std::string_view hint_of(int error, const ChildConfig& config) {
  const auto* macvlan = std::get_if<netlink::Macvlan>(&config.driver);
  switch (error) {
    case EOPNOTSUPP:
      return "this kernel has no such driver (CONFIG_MACVLAN, CONFIG_IPVLAN, CONFIG_VLAN_8021Q)";
    case EBUSY:
      return "the master carries interfaces of another kind already (a bridge, a bond, macvlan or "
             "ipvlan): give it up there, or name another master";
    case EINVAL:
      return macvlan != nullptr ? "a master has either one macvlan of mode \"passthru\" or any "
                                  "number of the other "
                                  "modes, and has to be an Ethernet interface"
                                : "the master has to be an Ethernet interface";
    default:
      return {};
  }
}

[[noreturn]] void refuse(const netlink::Error& error, const netlink::Link& uplink,
                         const ChildConfig& config) {
  const std::string_view hint = hint_of(error.code(), config);
  throw cni::Error(cni::Code::kInvalidNetworkConfig,
                   concat(error.what(), " (master ", uplink.name, ", ", setting_text(config.driver),
                          ")", hint.empty() ? "" : ": ", hint));
}

[[noreturn]] void refuse_taken_vlan(const netlink::TaggedVlan& vlan) {
  throw cni::Error(cni::Code::kInvalidNetworkConfig,
                   concat("\"vlanId\": the master has an interface for VLAN ", vlan.id,
                          " already, on the host or in a container, and the kernel makes only one: "
                          "choose another VLAN, or remove that interface"));
}

// False when the name is taken.
bool try_to_create(netlink::RouteSocket& where, const netlink::NewChild& child) {
  netlink::Batch batch;
  netlink::create_child(batch, child);
  const netlink::Ack ack = where.exchange(batch)[0];
  if (!ack.ok() && ack.error != EEXIST) {
    throw netlink::Error(ack, batch.what(0));
  }
  return ack.ok();
}

// Kernels before 6.14 look for the name in the namespace of the request, so that "eth0" in a container
// clashes with that of the host: those get a name that the host has not, and change it where only the
// container's names count.
void create_and_rename(netlink::RouteSocket& where, netlink::Sandbox& sandbox,
                       netlink::NewChild child, const Attachment& attachment) {
  child.name = temporary_name(attachment);
  // Of an ADD that was killed between the two messages.
  sandbox.socket().remove_link_if_present(child.name);
  if (!try_to_create(where, child)) {
    if (const auto* vlan = std::get_if<netlink::TaggedVlan>(&child.driver)) {
      refuse_taken_vlan(*vlan);
    }
    throw cni::Error(cni::Code::kTryAgainLater,
                     concat("create ", child.name,
                            ": another process makes a link of that name at the same time"));
  }
  Transaction transaction;
  transaction.undo_with(concat("remove ", child.name), [&sandbox, name = child.name] {
    sandbox.socket().remove_link_if_present(name);
  });
  netlink::Batch rename;
  netlink::change_link(rename, {.index = sandbox.socket().get_link(child.name).index,
                                .name = child.name,
                                .new_name = attachment.ifname});
  const netlink::Ack ack = sandbox.socket().exchange(rename)[0];
  if (ack.error == EEXIST) {
    refuse_taken_name(attachment.ifname);
  }
  if (!ack.ok()) {
    throw netlink::Error(ack, concat("rename ", child.name, " to ", attachment.ifname));
  }
  transaction.commit();
}

void create(netlink::RouteSocket& where, netlink::Sandbox& sandbox, const netlink::NewChild& child,
            const Attachment& attachment) {
  if (try_to_create(where, child)) {
    return;
  }
  const auto* vlan = std::get_if<netlink::TaggedVlan>(&child.driver);
  const bool name_decides = child.netns < 0 && vlan == nullptr;
  if (name_decides || sandbox.socket().find_link(attachment.ifname)) {
    refuse_taken_name(attachment.ifname);
  }
  if (child.netns < 0) {
    refuse_taken_vlan(*vlan);
  }
  create_and_rename(where, sandbox, child, attachment);
}

netlink::Link mark(netlink::RouteSocket& sandbox, const Attachment& attachment,
                   const ChildConfig& config) {
  const netlink::Link link = sandbox.get_link(attachment.ifname);
  netlink::Batch batch;
  netlink::change_link(batch, {.index = link.index,
                               .name = link.name,
                               // The uplink's address changes with it, until the child is gone.
                               .mac = takes_uplink_mac(config.driver) ? config.mac : std::nullopt,
                               .alias = owner_alias(attachment)});
  sandbox.execute(batch);
  return config.mac && takes_uplink_mac(config.driver) ? sandbox.get_link(attachment.ifname) : link;
}

bool is_marked(const netlink::Link& link, const Attachment& attachment) {
  return key_in_alias(link.alias) == owner_key(attachment);
}

template <typename Wanted>
void remove_links(const cni::Request& request, std::string_view kind, const Wanted& is_wanted) {
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    return;
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  for (const netlink::Link& link : sandbox.socket().links_of_kind(kind)) {
    if (is_wanted(link)) {
      sandbox.socket().remove_link_if_present(link.name);
    }
  }
}

}  // namespace

netlink::Link create_child_link(netlink::RouteSocket& where, netlink::Sandbox& sandbox,
                                const netlink::Link& uplink, const cni::Request& request,
                                const Attachment& attachment, const ChildConfig& config) {
  netlink::NewChild child{.name = attachment.ifname,
                          .parent = uplink.index,
                          .driver = config.driver,
                          .mtu = config.uplink.mtu,
                          .netns = config.uplink.in_container ? -1 : sandbox.netns().fd()};
  if (!takes_uplink_mac(config.driver)) {
    child.mac = config.mac.value_or(container_mac(attachment));
  }
  Transaction transaction;
  const auto undo = [request, attachment, kind = std::string(kind_of(config.driver))] {
    remove_child_links_if_present(request, attachment, kind);
  };
  try {
    create(where, sandbox, child, attachment);
  } catch (const netlink::Error& error) {
    transaction.undo_with("remove what is half made", undo);
    refuse(error, uplink, config);
  } catch (const netlink::AnswerLost&) {
    transaction.undo_with("remove what may have been made", undo);
    throw;
  }
  transaction.undo_with(concat("remove ", attachment.ifname), undo);
  netlink::Link link = mark(sandbox.socket(), attachment, config);
  require_known_keys(link, config.driver);
  transaction.commit();
  return link;
}

void require_known_keys(const netlink::Link& made, const ChildDriver& wanted) {
  const auto* macvlan = std::get_if<netlink::Macvlan>(&wanted);
  if (macvlan != nullptr && macvlan->broadcast_queue_length != 0 && made.macvlan &&
      made.macvlan->broadcast_queue_length == 0) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "\"bcqueuelen\": this kernel has one length for every queue, which cannot be "
                     "changed: leave the key out, or take Linux 5.11 or later");
  }
}

void remove_child_links_if_present(const cni::Request& request, const Attachment& attachment,
                                   std::string_view kind) {
  remove_links(request, kind, [&](const netlink::Link& link) {
    return is_marked(link, attachment) ||
           (key_in_alias(link.alias).empty() &&
            (link.name == attachment.ifname || link.name == temporary_name(attachment)));
  });
}

void remove_marked_links_if_present(const cni::Request& request, const Attachment& attachment,
                                    std::string_view kind) {
  remove_links(request, kind,
               [&](const netlink::Link& link) { return is_marked(link, attachment); });
}

}  // namespace linnet::attach
