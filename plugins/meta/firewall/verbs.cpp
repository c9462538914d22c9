#include "plugins/meta/firewall/verbs.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/attachment.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/firewall/accept.h"
#include "plugins/meta/firewall/config.h"
#include "plugins/meta/firewall/firewalld.h"
#include "plugins/meta/firewall/isolation.h"
#include "plugins/meta/firewall/legacy.h"
#include "plugins/meta/firewall/sources.h"
#include "plugins/meta/firewall/subject.h"

namespace linnet::firewall {

namespace {

namespace nft = netlink::nft;

Subject require_subject(const cni::Request& request, const cni::NetConf& conf,
                        const Config& config) {
  if (!conf.prev_result) {
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        "missing prevResult from earlier plugin: put firewall behind the plugin that makes "
        "the interface");
  }
  Subject subject = subject_of(*conf.prev_result, request.ifname);
  if (config.ingress != IngressPolicy::kOpen && subject.bridge.empty()) {
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig,
        "\"ingressPolicy\": needs the container's bridge, but the first interface of "
        "prevResult is none of the host: use the plugin bridge, or the policy \"open\"");
  }
  return subject;
}

bool accepts_in_iptables(nft::NftSocket& nft, const Config& config, const Subject& subject) {
  return config.backend == Backend::kIptables ||
         (config.backend == Backend::kAutomatic && iptables_drops(nft, subject));
}

// firewalld's verdict is its own.
void warn_of_firewalld(nft::NftSocket& nft) {
  const nft::Table firewalld = {nft::TableFamily::kInet, "firewalld"};
  if (nft.have_chains({{firewalld, "filter_FORWARD"}}).front()) {
    log_warning(
        "firewalld is active, but not used: what its zones drop stays dropped, put the containers' "
        "subnet into a zone that lets it through");
  }
}

std::vector<LegacyFilter> filters_to_accept_in(const Config& config, const Subject& subject) {
  std::vector<LegacyFilter> filters;
  if (config.backend == Backend::kNftables) {
    return filters;
  }
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const bool concerned = std::ranges::any_of(
        subject.addresses, [&](const Cidr& address) { return address.family() == family; });
    std::optional<LegacyFilter> filter = concerned ? LegacyFilter::find(family) : std::nullopt;
    if (filter && (config.backend == Backend::kIptables || filter->drops())) {
      filters.push_back(*std::move(filter));
    }
  }
  return filters;
}

void remove_legacy_rules(const std::function<bool(const LegacyRule&)>& wanted, ErrorList& errors) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    errors.attempt([&] {
      if (const std::optional<LegacyFilter> filter = LegacyFilter::find(family)) {
        filter->remove(wanted);
      }
    });
  }
}

void accept_in_iptables(nft::NftSocket& nft, const Config& config, const Subject& subject,
                        const attach::Attachment& attachment, Transaction& transaction) {
  if (!accepts_in_iptables(nft, config, subject)) {
    return;
  }
  add_accept_rules(nft, subject, config.admin_chain, attachment);
  transaction.undo_with("remove rules of iptables", [attachment] {
    nft::NftSocket socket;
    remove_accept_rules_if_present(socket, {}, attachment);
  });
}

void accept_in_legacy_iptables(const Config& config, const Subject& subject,
                               const attach::Attachment& attachment, Transaction& transaction) {
  const std::vector<LegacyFilter> filters = filters_to_accept_in(config, subject);
  if (filters.empty()) {
    return;
  }
  transaction.undo_with("remove rules of the legacy iptables", [attachment] {
    ErrorList errors;
    remove_legacy_rules([&](const LegacyRule& rule) { return is_rule_of(rule, attachment); },
                        errors);
    errors.throw_if_any();
  });
  for (const LegacyFilter& filter : filters) {
    filter.accept(subject.addresses, config.admin_chain, attachment);
  }
}

attach::Problems iptables_problems(nft::NftSocket& nft, const Config& config,
                                   const Subject& subject, const attach::Attachment& attachment) {
  attach::Problems problems;
  if (accepts_in_iptables(nft, config, subject)) {
    problems = accept_problems(nft, subject, config.admin_chain, attachment);
  }
  for (const LegacyFilter& filter : filters_to_accept_in(config, subject)) {
    attach::append(problems, filter.problems(subject.addresses, config.admin_chain, attachment));
  }
  return problems;
}

using attach::owned::Elements;

// All that an ADD takes away: what is in the way of its elements, and of the attachment, which its undo removes.
Elements with_own_elements(Elements in_the_way, const Elements& own) {
  for (const attach::owned::Element& element : own) {
    const bool known = std::ranges::any_of(in_the_way, [&](const attach::owned::Element& other) {
      return attach::owned::same_place(other, element);
    });
    if (!known) {
      in_the_way.push_back(element);
    }
  }
  return in_the_way;
}

// The elements, and their sources, that an earlier ADD made: filled before they are touched.
std::shared_ptr<Elements> undo_with_earlier(Transaction& transaction) {
  auto earlier = std::make_shared<Elements>();
  transaction.undo_with("bring back what an earlier ADD made", [earlier] {
    nft::NftSocket socket;
    restore_with_sources(socket, *earlier);
  });
  return earlier;
}

// Whether ADD would take it. Throws cni::Error(kPluginNotAvailable) when it would fail there.
bool firewalld_is_ready(const Config& config, const Subject& subject) {
  std::optional<Firewalld> firewalld = find_firewalld(config);
  if (!firewalld) {
    return false;
  }
  try {
    (void)firewalld->has({config.zone, subject.addresses.front().address()});
    return true;
  } catch (const std::exception& error) {
    throw cni::Error(cni::Code::kPluginNotAvailable, error.what());
  }
}

// DEL needs no valid configuration.
Config config_or_default(const cni::NetConf& conf) {
  try {
    return parse_config(conf);
  } catch (const cni::Error&) {
    return {};
  }
}

void remove_elements_and_sources(nft::NftSocket& nft, const Subject& subject,
                                 const attach::Attachment& attachment, const Config& config) {
  attach::owned::Elements own = find_own_elements(nft, subject, attachment);
  if (!own.empty()) {
    remove_with_sources(nft, std::move(own));
  } else if (config.backend == Backend::kAutomatic || config.backend == Backend::kFirewalld) {
    const std::vector<ZoneSource> sources = unrecorded_sources(nft, subject, config.zone);
    try {
      remove_sources(sources);
    } catch (const std::exception& error) {
      // Nothing says that there are any: no reason to keep a container from going.
      log_warning(error.what());
    }
  }
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const Subject subject = require_subject(request, conf, config);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  std::optional<Firewalld> firewalld = find_firewalld(config);
  nft::NftSocket nft;
  if (!firewalld) {
    warn_of_firewalld(nft);
  }
  Transaction transaction;
  const std::string zone = firewalld ? config.zone : "";
  const std::shared_ptr<Elements> earlier = undo_with_earlier(transaction);
  // The record first: what was not recorded would stay if this process ended here.
  add_elements(nft, subject, config.ingress, attachment, zone, [&](const Elements& in_the_way) {
    *earlier = with_own_elements(in_the_way, find_own_elements(nft, subject, attachment));
    leave_other_zones(firewalld, in_the_way, zone);
  });
  transaction.undo_with("remove elements of nftables table linnet_firewall", [subject, attachment] {
    nft::NftSocket socket;
    remove_with_sources(socket, find_own_elements(socket, subject, attachment));
  });
  if (firewalld) {
    join_zone(*firewalld, subject, config.zone);
  } else {
    accept_in_iptables(nft, config, subject, attachment, transaction);
    accept_in_legacy_iptables(config, subject, attachment, transaction);
  }
  transaction.commit();
  return *conf.prev_result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  const Subject subject =
      conf.prev_result ? subject_of(*conf.prev_result, request.ifname) : Subject{};
  ErrorList errors;
  std::optional<nft::NftSocket> nft;
  errors.attempt([&] { nft.emplace(); });
  if (nft) {
    errors.attempt([&] { remove_accept_rules_if_present(*nft, subject, attachment); });
    errors.attempt(
        [&] { remove_elements_and_sources(*nft, subject, attachment, config_or_default(conf)); });
  }
  remove_legacy_rules(
      [&](const LegacyRule& rule) {
        return is_rule_of(rule, attachment) || is_rule_of_reference(rule, subject.addresses);
      },
      errors);
  errors.throw_if_any();
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const Subject subject = require_subject(request, conf, config);
  const attach::Attachment attachment = attach::attachment_of(request, conf);
  nft::NftSocket nft;
  attach::Problems problems = element_problems(nft, subject, config.ingress, attachment);
  if (std::optional<Firewalld> firewalld = find_firewalld(config)) {
    attach::append(problems, source_problems(*firewalld, subject, config.zone));
  } else {
    attach::append(problems, iptables_problems(nft, config, subject, attachment));
  }
  attach::throw_if_changed(request, conf, problems);
}

void gc(const cni::Request& /*request*/, const cni::NetConf& conf) {
  const auto valid = attach::valid_keys(conf.name, conf.valid_attachments);
  ErrorList errors;
  std::optional<nft::NftSocket> nft;
  errors.attempt([&] { nft.emplace(); });
  if (nft) {
    errors.attempt([&] { collect_accept_rules(*nft, conf.name, valid); });
    errors.attempt(
        [&] { remove_with_sources(*nft, find_invalid_elements(*nft, conf.name, valid)); });
  }
  remove_legacy_rules(
      [&, prefix = attach::network_key(conf.name)](const LegacyRule& rule) {
        const std::string_view key = attach::key_in_comment(rule.comment);
        return key.starts_with(prefix) && !valid.contains(key);
      },
      errors);
  errors.throw_if_any();
}

void status(const cni::Request& /*request*/, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const attach::Attachment attachment = {
      .network = "status", .container_id = "c", .ifname = "eth0"};
  const Subject subject = {
      .addresses = {*Cidr::parse("192.0.2.1/24"), *Cidr::parse("2001:db8::1/64")},
      .bridge = "bridge",
      .ports = {"port"}};
  const bool firewalld = firewalld_is_ready(config, subject);
  bool iptables = false;
  try {
    nft::NftSocket nft;
    iptables = !firewalld && accepts_in_iptables(nft, config, subject);
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kPluginNotAvailable,
                     concat("nftables cannot be asked: ", error.what()));
  }
  attach::rehearse([&](netlink::RouteSocket&) {
    nft::NftSocket nft;
    add_elements(nft, subject, config.ingress, attachment);
    if (iptables) {
      add_accept_rules(nft, subject, config.admin_chain, attachment);
    }
  });
}

}  // namespace linnet::firewall
