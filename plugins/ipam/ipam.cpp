#include "plugins/ipam/ipam.h"

#include <array>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/ipam/build_note.h"
#include "plugins/ipam/host-local/verbs.h"
#include "plugins/ipam/static/verbs.h"

namespace linnet::ipam {

namespace {

constexpr std::array kLinked = {
    LinkedPlugin{.type = "host-local",
                 .add = host_local::add,
                 .del = host_local::del,
                 .check = host_local::check,
                 .begin_gc = host_local::begin_gc,
                 .status = host_local::status},
    LinkedPlugin{.type = "static",
                 .add = static_ipam::add,
                 .del = nullptr,
                 .check = static_ipam::check,
                 .begin_gc = nullptr,
                 .status = static_ipam::status},
};

const LinkedPlugin* find_linked(std::string_view type, const std::string& executable) {
  for (const LinkedPlugin& plugin : kLinked) {
    if (plugin.type == type && has_build_note(executable, type)) {
      return &plugin;
    }
  }
  return nullptr;
}

// Calls a linked plugin as if it were a process of its own: its messages under its name, its errors as
// its caller reports them.
template <typename Function>
auto call_as(const LinkedPlugin& plugin, cni::Verb verb, const Function& function) {
  const LogName name(plugin.type);
  try {
    return function();
  } catch (const std::exception& exception) {
    throw cni::failure_of(plugin.type, cni::verb_name(verb), cni::as_error(exception));
  }
}

void call_verb(const LinkedPlugin& plugin, const cni::Request& request, const cni::NetConf& conf) {
  const auto call = [&](void (*verb)(const cni::Request&, const cni::NetConf&)) {
    if (verb != nullptr) {
      verb(request, conf);
    }
  };
  switch (request.verb) {
    case cni::Verb::kDel:
      return call(plugin.del);
    case cni::Verb::kCheck:
      return call(plugin.check);
    case cni::Verb::kGc:
      if (plugin.begin_gc != nullptr) {
        plugin.begin_gc(request, conf).free_leases({});
      }
      return;
    case cni::Verb::kStatus:
      return call(plugin.status);
    case cni::Verb::kAdd:
    case cni::Verb::kVersion:
      break;
  }
}

}  // namespace

Plugin::Plugin(std::string_view type, const cni::Request& request)
    : type_(type), request_(request) {
  const std::string executable = cni::find_plugin(type, request.path);
  linked_ = find_linked(type, executable);
  if (linked_ == nullptr) {
    delegate_.emplace(executable);
  }
}

Call Plugin::start(cni::Verb verb) const { return {*this, verb}; }

void Plugin::run(cni::Verb verb, const cni::NetConf& conf) const {
  if (delegate_) {
    delegate_->run(verb, conf);
    return;
  }
  Call call = start(verb);
  call.finish(conf);
}

std::optional<Plugin> plugin_of(const cni::NetConf& conf, const cni::Request& request) {
  if (conf.ipam_type.empty()) {
    return std::nullopt;
  }
  return Plugin(conf.ipam_type, request);
}

Call::Call(const Plugin& plugin, cni::Verb verb) : plugin_(plugin), verb_(verb) {
  plugin_.request_.verb = verb;
  if (plugin_.delegate_) {
    process_ = plugin_.delegate_->start(verb);
  }
}

void Call::ask(const cni::NetConf& conf) {
  if (process_) {
    process_->give(conf.raw);
  }
}

void Call::hold(const cni::NetConf& conf) {
  if (!process_ && plugin_.linked_->begin_gc != nullptr) {
    held_ = call_as(*plugin_.linked_, verb_,
                    [&] { return plugin_.linked_->begin_gc(plugin_.request_, conf); });
  }
}

std::vector<LeaseHolder> Call::holders() {
  return held_ ? call_as(*plugin_.linked_, verb_, held_->find_holders) : std::vector<LeaseHolder>();
}

void Call::keep(const cni::AttachmentKey& attachment) { kept_.push_back(attachment); }

cni::Result Call::result(const cni::NetConf& conf) {
  cni::Result result;
  if (process_) {
    result = plugin_.delegate_->finish_add(*std::move(process_), conf);
  } else {
    const cni::Json wire = call_as(*plugin_.linked_, verb_, [&] {
      return cni::to_json(plugin_.linked_->add(plugin_.request_, conf), conf.cni_version);
    });
    result = cni::parse_result(wire, conf.cni_version, concat("result of ", plugin_.type_));
  }
  if (result.ips.empty()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("IPAM plugin ", linnet::quoted(plugin_.type_),
                            " returned missing IP config: its result has no address"));
  }
  return result;
}

void Call::finish(const cni::NetConf& conf) {
  if (process_) {
    plugin_.delegate_->finish(*std::move(process_), verb_);
    return;
  }
  if (const std::optional<Collection> collection = std::exchange(held_, std::nullopt)) {
    call_as(*plugin_.linked_, verb_, [&] { collection->free_leases(kept_); });
    return;
  }
  call_as(*plugin_.linked_, verb_, [&] { call_verb(*plugin_.linked_, plugin_.request_, conf); });
}

}  // namespace linnet::ipam
