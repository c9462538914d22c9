#include "plugins/meta/portmap/plan.h"

#include <algorithm>

#include "base/sha512.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

using Bytes = std::vector<unsigned char>;

constexpr std::size_t kPadded = 4;
constexpr std::size_t kRecordDigits = 15;  // with the zero behind them an interface name's 16 bytes

std::string_view digit_of(Family family) { return family == Family::kIpv4 ? "4" : "6"; }

void append(Bytes& bytes, const IpAddress& address) {
  bytes.insert(bytes.end(), address.bytes().begin(), address.bytes().end());
}

void append_protocol(Bytes& bytes, std::uint8_t protocol) {
  bytes.insert(bytes.end(), {protocol, 0, 0, 0});
}

void append_port(Bytes& bytes, std::uint16_t port) {
  bytes.insert(bytes.end(),
               {static_cast<unsigned char>(port >> 8U), static_cast<unsigned char>(port), 0, 0});
}

std::uint16_t port_at(const Bytes& bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] << 8U | bytes[offset + 1]);
}

std::string suffix_of(const Conditions& conditions) {
  return conditions.empty() ? std::string() : concat('_', digest(conditions));
}

nft::Element redirect_element(const PortMapping& mapping, std::uint16_t offset,
                              const IpAddress& container, const std::string& comment) {
  nft::Element element{.key = {}, .comment = comment};
  element.key.reserve(container.bytes().size() + 2 * kPadded);
  element.data.reserve(container.bytes().size() + kPadded);
  if (mapping.host_ip && !mapping.host_ip->is_unspecified()) {
    append(element.key, *mapping.host_ip);
  }
  append_protocol(element.key, mapping.protocol);
  append_port(element.key, static_cast<std::uint16_t>(mapping.host_port + offset));
  append(element.data, container);
  append_port(element.data, static_cast<std::uint16_t>(mapping.container_port + offset));
  return element;
}

// The same mapping twice is one; the same port to two places is an error.
void remove_duplicates(SetElements& list) {
  if (!std::ranges::is_sorted(list.elements, {}, &nft::Element::key)) {
    std::ranges::stable_sort(list.elements, {}, &nft::Element::key);
  }
  const auto same =
      std::unique(list.elements.begin(), list.elements.end(), [&](const auto& a, const auto& b) {
        if (a.key != b.key) {
          return false;
        }
        if (a.data != b.data) {
          throw cni::Error(
              cni::Code::kInvalidNetworkConfig,
              concat("\"runtimeConfig.portMappings\": ", redirect_of(list.set, a)->text(),
                     " is mapped twice, to container ports ",
                     redirect_of(list.set, a)->container_port, " and ",
                     redirect_of(list.set, b)->container_port, ": choose another hostPort"));
        }
        return true;
      });
  list.elements.erase(same, list.elements.end());
}

void plan_ports(const Config& config, const IpAddress& container, const std::string& comment,
                Plan& plan) {
  const Scope scope{container.family(), config.conditions(container.family())};
  SetElements any{scope.ports_map(), {}};
  SetElements single{scope.host_ports_map(), {}};
  for (const PortMapping& mapping : config.mappings) {
    if (mapping.host_ip && mapping.host_ip->family() != container.family()) {
      continue;
    }
    const bool for_any = !mapping.host_ip || mapping.host_ip->is_unspecified();
    for (std::uint16_t i = 0; i < mapping.count; ++i) {
      (for_any ? any : single).elements.push_back(redirect_element(mapping, i, container, comment));
    }
  }
  for (SetElements* list : {&any, &single}) {
    remove_duplicates(*list);
    if (!list->elements.empty()) {
      plan.ports.push_back(std::move(*list));
    }
  }
  plan.scopes.push_back(scope);
}

void plan_sources(const Config& config, const Cidr& address, const std::string& comment,
                  Plan& plan) {
  const IpAddress& container = address.address();
  std::vector<IpAddress> sources = {container};
  if (container.is_ipv4()) {
    sources.push_back(*IpAddress::parse("127.0.0.1"));
  }
  SetElements loops{loops_set(container.family()), {}};
  for (const IpAddress& source : sources) {
    nft::Element element{.key = {}, .comment = comment};
    append(element.key, source);
    append(element.key, container);
    loops.elements.push_back(std::move(element));
  }
  plan.sources.push_back(std::move(loops));
  const Cidr from = config.masquerade_all ? Cidr(IpAddress::unspecified(container.family()), 0)
                                          : address.network();
  // An address without neighbours has only itself to be told from.
  if (from.prefix_length() < container.bits()) {
    const Hairpin hairpin{from, config.mark_bit};
    nft::Element element{.key = {}, .comment = comment};
    append(element.key, container);
    plan.sources.push_back({hairpin.set(), {std::move(element)}});
    plan.hairpins.push_back(hairpin);
  }
}

}  // namespace

std::string Scope::ports_map() const {
  return concat("ports", digit_of(family), suffix_of(conditions));
}

std::string Scope::host_ports_map() const {
  return concat("host_ports", digit_of(family), suffix_of(conditions));
}

std::string Hairpin::set() const {
  const std::string address =
      source.is_ipv4() ? source.first().text() : to_hex(source.first().bytes());
  return concat("hairpin_", address, '_', source.prefix_length(), '_', mark_bit);
}

std::string loops_set(Family family) { return concat("loops", digit_of(family)); }

std::size_t Plan::size() const {
  std::size_t size = 0;
  for (const auto* lists : {&ports, &sources}) {
    for (const SetElements& list : *lists) {
      size += list.elements.size();
    }
  }
  return size;
}

std::vector<Cidr> container_addresses(const cni::Result& result, const std::string& ifname) {
  std::vector<Cidr> addresses;
  for (const cni::IpConfig& ip : result.ips) {
    if (ip.interface) {
      const cni::Interface& interface = result.interfaces[*ip.interface];
      if (interface.name != ifname || interface.sandbox.empty()) {
        continue;
      }
    }
    if (std::ranges::find(addresses, ip.address.family(), &Cidr::family) == addresses.end()) {
      addresses.push_back(ip.address);
    }
  }
  return addresses;
}

Plan make_plan(const Config& config, const std::vector<Cidr>& addresses,
               const attach::Attachment& attachment) {
  const std::string comment = attach::owner_comment(attachment);
  Plan plan;
  for (const Cidr& address : addresses) {
    const std::size_t before = plan.ports.size();
    plan_ports(config, address.address(), comment, plan);
    if (plan.ports.size() == before) {
      plan.scopes.pop_back();
    } else if (config.snat) {
      plan_sources(config, address, comment, plan);
    }
  }
  plan.record = record_of(attachment, static_cast<std::uint32_t>(plan.size()));
  return plan;
}

nft::Element record_of(const attach::Attachment& attachment, std::uint32_t elements) {
  nft::Element record{.key = Bytes(32), .data = {}, .comment = {}};
  record.comment = attach::owner_comment(attachment);
  const std::string network = sha512_hex(attachment.network, kRecordDigits);
  const std::string own =
      sha512_hex(concat(attachment.ifname, ':', attachment.container_id), kRecordDigits);
  std::ranges::copy(network, record.key.begin());
  std::ranges::copy(own, record.key.begin() + 16);
  // In network order, which is how nft(8) prints the data of a map.
  for (unsigned shift = 32; shift != 0;) {
    shift -= 8;
    record.data.push_back(static_cast<unsigned char>(elements >> shift));
  }
  return record;
}

std::uint32_t count_in(const nft::Element& record) {
  std::uint32_t count = 0;
  for (const unsigned char byte : record.data) {
    count = count << 8U | byte;
  }
  return count;
}

std::string Redirect::text() const {
  return concat(protocol_name(protocol), " port ", host_port, " of ",
                host_ip ? host_ip->text() : std::string("the host"));
}

std::optional<Redirect> redirect_of(const std::string& set, const nft::Element& element) {
  const bool single = set.starts_with("host_ports");
  if (!single && !set.starts_with("ports")) {
    return std::nullopt;
  }
  const std::size_t digit = single ? sizeof "host_ports" - 1 : sizeof "ports" - 1;
  const Family family = set.substr(digit, 1) == "4" ? Family::kIpv4 : Family::kIpv6;
  const std::size_t length = family == Family::kIpv4 ? 4 : 16;
  const std::size_t before = single ? length : 0;
  if (element.key.size() != before + 2 * kPadded || element.data.size() != length + kPadded) {
    return std::nullopt;
  }
  Redirect redirect;
  redirect.family = family;
  if (single) {
    redirect.host_ip = IpAddress::from_bytes(std::span(element.key).first(length));
  }
  redirect.protocol = element.key[before];
  redirect.host_port = port_at(element.key, before + kPadded);
  redirect.container = *IpAddress::from_bytes(std::span(element.data).first(length));
  redirect.container_port = port_at(element.data, length);
  return redirect;
}

}  // namespace linnet::portmap
