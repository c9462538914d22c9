#include "plugins/attach/lease_collection.h"

#include <utility>

#include "base/text.h"

namespace linnet::attach {

LeaseCollection::LeaseCollection(const cni::Request& request, const cni::NetConf& conf,
                                 ErrorList& errors)
    : request_(request), conf_(conf), errors_(errors) {
  errors_.attempt([&] {
    if (const std::optional<ipam::Plugin> ipam = ipam::plugin_of(conf_, request_)) {
      ipam::Call leases = ipam->start(cni::Verb::kGc);
      leases.hold(conf_);
      leases_ = std::move(leases);
    }
  });
}

void LeaseCollection::remove_from_containers(
    const std::function<void(const cni::Request&)>& remove) {
  if (!leases_) {
    return;
  }
  std::vector<ipam::LeaseHolder> holders;
  const std::size_t before = errors_.size();
  errors_.attempt([&] { holders = leases_->holders(); });
  if (errors_.size() != before) {
    leases_.reset();
    return;
  }
  for (const ipam::LeaseHolder& holder : holders) {
    cni::Request gone = request_;
    gone.container_id = holder.attachment.container_id;
    gone.ifname = holder.attachment.ifname;
    gone.netns = concat("/proc/self/fd/", holder.netns.get());
    const std::size_t errors = errors_.size();
    errors_.attempt([&] { remove(gone); });
    if (errors_.size() != errors) {
      leases_->keep(holder.attachment);
    }
  }
}

void LeaseCollection::free_leases() {
  if (leases_) {
    errors_.attempt([&] {
      leases_->ask(conf_);
      leases_->finish(conf_);
    });
  }
}

}  // namespace linnet::attach
