#include "tests/races/race_world.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "base/text.h"
#include "tests/kernel/bridge_conf.h"

namespace linnet::test {

namespace {

using cni::Json;

// No plugin of a healthy host takes nearly as long: it waits for something that does not come.
constexpr const char* kDeadline = "120";

int number_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

Json conf(const std::string& network, const char* type, const Json& keys) {
  return with({{"cniVersion", "1.1.0"}, {"name", network}, {"type", type}}, keys);
}

Json pool(const std::string& subnet) {
  return {{"type", "host-local"},
          {"subnet", subnet},
          {"routes", Json::array({{{"dst", "0.0.0.0/0"}}})}};
}

// Folders of plugins of both suites.
std::string link_plugins(const std::string& name, const std::string& bridge,
                         const std::string& host_local) {
  const std::string folder = concat("/run/plugins/", name);
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink(concat(bridge, "/bridge"), concat(folder, "/bridge"));
  std::filesystem::create_symlink(concat(host_local, "/host-local"), concat(folder, "/host-local"));
  return folder;
}

}  // namespace

Scale scale_of_environment() {
  Scale scale;
  scale.seconds = number_of("LINNET_RACE_SECONDS", scale.seconds);
  scale.workers = number_of("LINNET_RACE_WORKERS", scale.workers);
  scale.attachments = number_of("LINNET_RACE_ATTACHMENTS", scale.attachments);
  return scale;
}

void RaceWorld::SetUp() {
  HostTest::SetUp();
  if (IsSkipped()) {
    return;
  }
  scale_ = scale_of_environment();
  make_networks();
  for (int i = 0; i < scale_.attachments; ++i) {
    auto attachment = std::make_unique<RacedAttachment>();
    attachment->name = concat("c", i);
    attachment->network = &networks_[static_cast<std::size_t>(i) % networks_.size()];
    attachment->host_port = 20000 + i;
    make_container(attachment->name);
    attachments_.push_back(std::move(attachment));
  }
  warm_up();
}

// Four ways to one bridge and one store, a chain with every kind of rule, and one without a bridge.
void RaceWorld::make_networks() {
  const Json bridge = conf(
      "mixed", "bridge", {{"bridge", "br0"}, {"isGateway", true}, {"ipam", pool("10.40.0.0/20")}});
  networks_.push_back({.name = "mixed", .list = {bridge}});
  if (const std::string reference = reference_folder(); !reference.empty()) {
    const std::vector<Json> list = {with(bridge, {{"cniVersion", "1.0.0"}})};
    networks_.push_back({"mixed", list, link_plugins("ipam", plugin_path_, reference)});
    networks_.push_back({"mixed", list, link_plugins("bridge", reference, plugin_path_), false});
    networks_.push_back({"mixed", list, link_plugins("both", reference, reference), false});
  }
  networks_.push_back({.name = "chain",
                       .list = {conf("chain", "bridge",
                                     {{"bridge", "br1"},
                                      {"isGateway", true},
                                      {"ipMasq", true},
                                      {"macspoofchk", true},
                                      {"ipam", pool("10.41.0.0/20")}}),
                                conf("chain", "portmap", Json::object()),
                                conf("chain", "firewall", {{"ingressPolicy", "same-bridge"}})}});
  networks_.push_back(
      {.name = "routed",
       .list = {conf("routed", "ptp", {{"ipMasq", true}, {"ipam", pool("10.42.0.0/20")}})}});
}

// What the attachments of a network share is there afterwards.
void RaceWorld::warm_up() {
  for (const RacedNetwork& network : networks_) {
    for (const auto& attachment : attachments_) {
      if (attachment->network == &network) {
        attach(*attachment);
        detach(*attachment, true);
        break;
      }
    }
    collect_list(network, {});
  }
}

void RaceWorld::race(GcOrder order) {
  order_ = order;
  const std::string before = world();
  std::vector<std::thread> threads;
  for (int i = 0; i < scale_.workers; ++i) {
    threads.emplace_back([this, i] { work(static_cast<unsigned>(i)); });
  }
  threads.emplace_back([this] { collect(); });
  std::this_thread::sleep_for(std::chrono::seconds(scale_.seconds));
  stop_ = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const auto& attachment : attachments_) {
    if (attachment->result) {
      detach(*attachment, true);
    }
  }
  for (const RacedNetwork& network : networks_) {
    collect_list(network, {});
  }
  EXPECT_EQ(world(), before);
}

void RaceWorld::work(unsigned seed) {
  std::minstd_rand random(seed + 1);
  while (!stop_) {
    RacedAttachment& attachment = *attachments_[random() % attachments_.size()];
    const std::unique_lock<std::mutex> mine(attachment.busy, std::try_to_lock);
    // Interfaces of the reference's bridge need a runtime that keeps to the specification.
    if (!mine || (order_ == GcOrder::kBeside && !attachment.network->collected)) {
      continue;
    }
    Register& known = register_of(attachment);
    std::shared_lock<std::shared_mutex> no_gc(known.exclusion, std::defer_lock);
    if (order_ == GcOrder::kExclusive) {
      const std::lock_guard<std::mutex> in_turn(known.turn);
      no_gc.lock();
    }
    step(attachment, static_cast<unsigned>(random() / 7 % 100));
  }
}

void RaceWorld::step(RacedAttachment& attachment, unsigned dice) {
  if (!attachment.result) {
    attach(attachment);
  } else if (dice < 40) {
    check(attachment);
  } else {
    // A runtime that has lost the result, and one that is not sure whether it has called already.
    detach(attachment, dice < 85);
    if (dice % 10 == 0) {
      detach(attachment, false);
    }
  }
}

void RaceWorld::collect() {
  std::minstd_rand random;
  while (!stop_) {
    const RacedNetwork& network = networks_[random() % networks_.size()];
    Register& known = registers_[network.name];
    std::unique_lock<std::shared_mutex> alone(known.exclusion, std::defer_lock);
    if (order_ == GcOrder::kExclusive) {
      const std::lock_guard<std::mutex> in_turn(known.turn);
      alone.lock();
    }
    const std::vector<const RacedAttachment*> valid =
        make_list(known, static_cast<unsigned>(random()));
    if (order_ == GcOrder::kBeside) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() / 7 % 50));
    }
    // The plugins of this build; those of the reference collect nothing.
    for (const RacedNetwork& one : networks_) {
      if (one.name == network.name && one.path.empty()) {
        collect_list(one, valid);
        count("GC");
      }
    }
    const std::lock_guard<std::mutex> lock(known.mutex);
    --known.collections;
  }
}

std::vector<const RacedAttachment*> RaceWorld::make_list(Register& known, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<const RacedAttachment*> valid;
  const std::lock_guard<std::mutex> lock(known.mutex);
  ++known.collections;
  for (RacedAttachment* attachment : known.begun) {
    const bool forget =
        order_ == GcOrder::kExclusive && attachment->network->collected && random() / 7 % 20 == 0;
    if (!forget) {
      valid.push_back(attachment);
      continue;
    }
    attachment->disowned = true;
    std::erase_if(known.owners,
                  [&](const auto& entry) { return entry.second == attachment->name; });
  }
  return valid;
}

std::string RaceWorld::run(const std::string& verb, RacedAttachment& attachment, Json conf,
                           Json* answer) {
  if (conf["type"] == "portmap") {
    conf["runtimeConfig"]["portMappings"] = Json::array(
        {{{"hostPort", attachment.host_port}, {"containerPort", 80}, {"protocol", "tcp"}}});
  }
  const std::string& path =
      attachment.network->path.empty() ? plugin_path_ : attachment.network->path;
  const std::string executable = concat(path, "/", conf["type"].get<std::string>());
  const ProgramOutput output =
      run_program({"timeout", "--kill-after=1", kDeadline, executable}, conf.dump(),
                  {{"CNI_COMMAND", verb},
                   {"CNI_CONTAINERID", attachment.name},
                   {"CNI_NETNS", concat("/run/netns/", attachment.name)},
                   {"CNI_IFNAME", "eth0"},
                   {"CNI_PATH", path}});
  if (answer != nullptr) {
    *answer = output.json();
  }
  count(verb);
  return output.exit_code == 0
             ? ""
             : concat(verb, " of ", conf["type"].get<std::string>(), " ends with ",
                      output.exit_code, ": ", output.standard_output, output.standard_error);
}

std::string RaceWorld::add_list(RacedAttachment& attachment) {
  Json result;
  for (Json conf : attachment.network->list) {
    if (!result.is_null()) {
      conf["prevResult"] = result;
    }
    if (std::string error = run("ADD", attachment, conf, &result); !error.empty()) {
      return error;
    }
  }
  attachment.result = result;
  return {};
}

void RaceWorld::attach(RacedAttachment& attachment) {
  Register& known = register_of(attachment);
  {
    const std::lock_guard<std::mutex> lock(known.mutex);
    known.begun.insert(&attachment);
    attachment.disowned = known.collections > 0;
  }
  const std::string error = add_list(attachment);
  if (error.empty()) {
    verify(attachment);
    return;
  }
  if (!attachment.disowned) {
    violation(attachment, error);
  }
  count("ADD that failed beside a GC");
  detach(attachment, false);
}

void RaceWorld::detach(RacedAttachment& attachment, bool with_result) {
  if (attachment.result) {
    attachment.disowned ? verify_disowned(attachment) : verify(attachment);
    disclaim(attachment);
  }
  const std::vector<Json>& list = attachment.network->list;
  for (auto plugin = list.rbegin(); plugin != list.rend(); ++plugin) {
    Json conf = *plugin;
    if (with_result && attachment.result) {
      conf["prevResult"] = *attachment.result;
    }
    if (const std::string error = run("DEL", attachment, conf); !error.empty()) {
      violation(attachment, error);
    }
  }
  if (!kernel_addresses(attachment.name).empty()) {
    violation(attachment, "has an address behind DEL");
  }
  for (const std::string& address : told_addresses(attachment)) {
    if (is_leased(attachment, address)) {
      violation(attachment, concat("has the lease of ", address, " behind DEL"));
    }
  }
  attachment.result.reset();
  Register& known = register_of(attachment);
  const std::lock_guard<std::mutex> lock(known.mutex);
  known.begun.erase(&attachment);
}

void RaceWorld::check(RacedAttachment& attachment) {
  for (Json conf : attachment.network->list) {
    conf["prevResult"] = *attachment.result;
    const std::string error = run("CHECK", attachment, conf);
    if (!error.empty() && !attachment.disowned) {
      violation(attachment, error);
    }
  }
}

void RaceWorld::collect_list(const RacedNetwork& network,
                             const std::vector<const RacedAttachment*>& valid) {
  Json keys = Json::array();
  for (const RacedAttachment* attachment : valid) {
    keys.push_back({{"containerID", attachment->name}, {"ifname", "eth0"}});
  }
  for (const Json& plugin : network.list) {
    const ProgramOutput output =
        call({.verb = "GC",
              .conf = with(plugin, {{"cniVersion", "1.1.0"}, {"cni.dev/valid-attachments", keys}}),
              .wrapper = {"timeout", "--kill-after=1", kDeadline}});
    if (output.exit_code != 0) {
      const std::lock_guard<std::mutex> lock(notes_);
      violations_.push_back(concat("GC of ", network.name, " ends with ", output.exit_code, ": ",
                                   output.standard_output, output.standard_error));
    }
  }
}

}  // namespace linnet::test
