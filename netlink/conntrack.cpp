#include "netlink/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "netlink/internal/attributes.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

// Bits of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS, which the kernel's headers do not export.
// Source: net/netfilter/nf_conntrack_netlink.c.
constexpr std::uint32_t kMatchSource = 1U << 0U;
constexpr std::uint32_t kMatchDestination = 1U << 1U;
constexpr std::uint32_t kMatchProtocol = 1U << 3U;
constexpr std::uint32_t kMatchDestinationPort = 1U << 5U;

// One message to ctnetlink. Its room is that of the largest: two tuples of IPv6 and a filter.
class ConntrackMessage {
 public:
  ConntrackMessage(int type, int flags, Family family) : header_(mnl_nlmsg_put_header(room_.data())) {
    header_->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    auto* const about =
        static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(nfgenmsg)));
    about->nfgen_family = family == Family::kIpv4 ? AF_INET : AF_INET6;
    about->version = NFNETLINK_V0;
  }
  ConntrackMessage(const ConntrackMessage&) = delete;
  ConntrackMessage& operator=(const ConntrackMessage&) = delete;

  void put(int attribute, std::span<const unsigned char> value) {
    if (!mnl_attr_put_check(header_, room_.size(), static_cast<std::uint16_t>(attribute),
                            value.size(), value.data())) {
      throw SystemError(EMSGSIZE, "write a request to connection tracking");
    }
  }
  template <typename T>
  void put_value(int attribute, T value) {
    put(attribute, {reinterpret_cast<const unsigned char*>(&value), sizeof value});
  }
  template <typename Fill>
  void nest(int attribute, Fill&& fill) {
    nlattr* const start =
        mnl_attr_nest_start_check(header_, room_.size(), static_cast<std::uint16_t>(attribute));
    if (start == nullptr) {
      throw SystemError(EMSGSIZE, "write a request to connection tracking");
    }
    fill();
    mnl_attr_nest_end(header_, start);
  }

  [[nodiscard]] const nlmsghdr* get() const { return header_; }

 private:
  alignas(nlmsghdr) std::array<unsigned char, 1024> room_{};
  nlmsghdr* header_;
};

void put_tuple(ConntrackMessage& message, int attribute, const FlowTuple& tuple) {
  const bool ipv4 = tuple.source.is_ipv4();
  message.nest(attribute, [&] {
    message.nest(CTA_TUPLE_IP, [&] {
      message.put(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source.bytes());
      message.put(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination.bytes());
    });
    message.nest(CTA_TUPLE_PROTO, [&] {
      message.put_value(CTA_PROTO_NUM, tuple.protocol);
      message.put_value(CTA_PROTO_SRC_PORT, htons(tuple.source_port));
      message.put_value(CTA_PROTO_DST_PORT, htons(tuple.destination_port));
    });
  });
}

// The kernel compares what the flags name; the rest of the tuples only has to be well-formed.
void put_filter(ConntrackMessage& message, const FlowFilter& filter) {
  const IpAddress any = IpAddress::unspecified(filter.family);
  const FlowTuple original{.source = any,
                           .destination = filter.original_destination.value_or(any),
                           .protocol = filter.protocol.value_or(0),
                           .source_port = 0,
                           .destination_port = filter.original_destination_port.value_or(0)};
  const FlowTuple reply{.source = filter.reply_source.value_or(any),
                        .destination = any,
                        .protocol = filter.protocol.value_or(0),
                        .source_port = 0,
                        .destination_port = 0};
  // A port means something only together with its protocol.
  const std::uint32_t original_flags =
      (filter.original_destination ? kMatchDestination : 0) |
      (filter.protocol ? kMatchProtocol : 0) |
      (filter.protocol && filter.original_destination_port ? kMatchDestinationPort : 0);
  const std::uint32_t reply_flags = filter.reply_source ? kMatchSource : 0;
  if ((original_flags | reply_flags) == 0) {
    return;
  }
  put_tuple(message, CTA_TUPLE_ORIG, original);
  put_tuple(message, CTA_TUPLE_REPLY, reply);
  message.nest(CTA_FILTER, [&] {
    message.put_value(CTA_FILTER_ORIG_FLAGS, original_flags);
    message.put_value(CTA_FILTER_REPLY_FLAGS, reply_flags);
  });
}

std::uint16_t port_in(const Attributes<CTA_PROTO_MAX>& protocol, int attribute) {
  return ntohs(protocol.number<std::uint16_t>(attribute).value_or(0));
}

std::optional<FlowTuple> parse_tuple(std::span<const unsigned char> nest, Family family) {
  const bool ipv4 = family == Family::kIpv4;
  const Attributes<CTA_TUPLE_MAX> tuple(nest);
  const Attributes<CTA_IP_MAX> ip(tuple.bytes(CTA_TUPLE_IP));
  const Attributes<CTA_PROTO_MAX> protocol(tuple.bytes(CTA_TUPLE_PROTO));
  const auto source = IpAddress::from_bytes(ip.bytes(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC));
  const auto destination = IpAddress::from_bytes(ip.bytes(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST));
  if (!source || !destination) {
    return std::nullopt;
  }
  return FlowTuple{.source = *source,
                   .destination = *destination,
                   .protocol = protocol.number<std::uint8_t>(CTA_PROTO_NUM).value_or(0),
                   .source_port = port_in(protocol, CTA_PROTO_SRC_PORT),
                   .destination_port = port_in(protocol, CTA_PROTO_DST_PORT)};
}

template <typename T>
bool allows(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

bool matches(const Flow& flow, const FlowFilter& filter) {
  return allows(filter.protocol, flow.original.protocol) &&
         allows(filter.original_destination, flow.original.destination) &&
         allows(filter.original_destination_port, flow.original.destination_port) &&
         allows(filter.reply_source, flow.reply.source);
}

}  // namespace

std::optional<Flow> parse_flow(const nlmsghdr* message, Family family) {
  if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
      mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg)) {
    return std::nullopt;
  }
  const Attributes<CTA_MAX> attributes(message, sizeof(nfgenmsg));
  const auto original = parse_tuple(attributes.bytes(CTA_TUPLE_ORIG), family);
  const auto reply = parse_tuple(attributes.bytes(CTA_TUPLE_REPLY), family);
  if (!original || !reply) {
    return std::nullopt;
  }
  return Flow{.original = *original,
              .reply = *reply,
              .id = ntohl(attributes.number<std::uint32_t>(CTA_ID).value_or(0)),
              .zone = ntohs(attributes.number<std::uint16_t>(CTA_ZONE).value_or(0))};
}

ConntrackSocket::ConntrackSocket() : socket_(NETLINK_NETFILTER) {}

std::vector<ConntrackSocket::Entry> ConntrackSocket::list_entries(const FlowFilter& filter) {
  ConntrackMessage question(IPCTNL_MSG_CT_GET, NLM_F_DUMP, filter.family);
  put_filter(question, filter);
  Batch batch;
  batch.append(question.get(), "list tracked connections", Batch::Answer::kDump);
  std::vector<Entry> entries;
  try {
    socket_.dump(
        batch, [&] { entries.clear(); },
        [&](std::size_t, const nlmsghdr* message) {
          // Older kernels ignore the filter.
          if (const auto flow = parse_flow(message, filter.family);
              flow && matches(*flow, filter)) {
            const Attributes<CTA_MAX> attributes(message, sizeof(nfgenmsg));
            const auto original = attributes.bytes(CTA_TUPLE_ORIG);
            entries.push_back({*flow, {original.begin(), original.end()}});
          }
        });
  } catch (const Error& error) {
    // What a kernel without nf_conntrack_netlink says.
    if (error.code() != EINVAL || !error.extack().empty()) {
      throw;
    }
    entries.clear();
  }
  return entries;
}

std::vector<Flow> ConntrackSocket::list_flows(const FlowFilter& filter) {
  std::vector<Flow> flows;
  for (const Entry& entry : list_entries(filter)) {
    flows.push_back(entry.flow);
  }
  return flows;
}

std::size_t ConntrackSocket::remove_flows(const FlowFilter& filter) {
  return remove_flows(filter, [](const Flow&) { return true; });
}

std::size_t ConntrackSocket::remove_flows(const FlowFilter& filter,
                                          const std::function<bool(const Flow&)>& wanted) {
  Batch batch;
  for (const auto& [flow, original] : list_entries(filter)) {
    if (!wanted(flow)) {
      continue;
    }
    ConntrackMessage message(IPCTNL_MSG_CT_DELETE, 0, filter.family);
    message.put(CTA_TUPLE_ORIG | NLA_F_NESTED, original);
    message.put_value(CTA_ID, htonl(flow.id));
    if (flow.zone != 0) {
      message.put_value(CTA_ZONE, htons(flow.zone));
    }
    batch.append(message.get(), concat("forget a connection to ", flow.original.destination.text()));
  }
  std::size_t removed = 0;
  const std::vector<Ack> acks = socket_.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && acks[i].error != ENOENT) {
      throw Error(acks[i], batch.what(i));
    }
    removed += acks[i].ok() ? 1 : 0;
  }
  return removed;
}

}  // namespace linnet::netlink
