// Networks with many attachments, and workers that ADD, CHECK, DEL and GC them at the same time. What must hold is read
// from the kernel and from the store, not from what the plugins say.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace linnet::test {

struct Scale {
  int seconds = 15;       // LINNET_RACE_SECONDS
  int workers = 16;       // LINNET_RACE_WORKERS
  int attachments = 120;  // LINNET_RACE_ATTACHMENTS
};
[[nodiscard]] Scale scale_of_environment();

// How a runtime keeps GC from ADD and DEL.
enum class GcOrder {
  kExclusive,  // as the specification asks for; the list may leave out attachments, which are removed
  kBeside      // not at all: its list has what had begun when it was made
};

struct RacedNetwork {
  std::string name;
  std::vector<cni::Json> list;
  std::string path = {};  // CNI_PATH; empty: that of this build
  // Whether GC of this build knows the interfaces, and removes them before it frees their leases.
  bool collected = true;
};

// One container with one interface. Only the worker that holds `busy` touches the rest.
struct RacedAttachment {
  std::string name;  // of container and namespace
  const RacedNetwork* network = nullptr;
  int host_port = 0;
  std::mutex busy;
  std::optional<cni::Json> result = {};
  // A GC whose list has no such attachment has run since ADD began: it may be gone.
  std::atomic<bool> disowned = false;
};

class RaceWorld : public HostTest {
 protected:
  void SetUp() override;

  // Runs workers until the time is over, detaches everything and collects.
  void race(GcOrder order);

  std::vector<std::string> violations_;
  std::map<std::string, int> counts_;

 private:
  // What a runtime knows of the attachments of one network name.
  struct Register {
    std::mutex turn;              // taken to wait for `exclusion`, so that a GC has its turn, too
    std::shared_mutex exclusion;  // held shared by ADD, CHECK and DEL, alone by an exclusive GC
    std::mutex mutex;             // guards what follows
    std::set<RacedAttachment*> begun;           // ADD has begun, DEL has not ended
    std::map<std::string, std::string> owners;  // address: container
    int collections = 0;                        // that are under way
  };

  void make_networks();
  void warm_up();
  void work(unsigned seed);
  void collect();
  // What a runtime calls valid, and begins a collection.
  [[nodiscard]] std::vector<const RacedAttachment*> make_list(Register& known, unsigned seed);
  void step(RacedAttachment& attachment, unsigned dice);

  void attach(RacedAttachment& attachment);
  void detach(RacedAttachment& attachment, bool with_result);
  void check(RacedAttachment& attachment);
  // Calls every plugin of the list; the first error object, empty when there was none.
  [[nodiscard]] std::string add_list(RacedAttachment& attachment);
  [[nodiscard]] std::string run(const std::string& verb, RacedAttachment& attachment,
                                cni::Json conf, cni::Json* answer = nullptr);
  void collect_list(const RacedNetwork& network, const std::vector<const RacedAttachment*>& valid);

  // The addresses of the result of ADD.
  [[nodiscard]] static std::set<std::string> told_addresses(const RacedAttachment& attachment);
  // The addresses of eth0 as the kernel has them; empty without the interface.
  [[nodiscard]] static std::set<std::string> kernel_addresses(const std::string& container);
  // Whether the lease of an address names this container.
  [[nodiscard]] static bool is_leased(const RacedAttachment& attachment,
                                      const std::string& address);
  void verify(RacedAttachment& attachment);
  void verify_disowned(RacedAttachment& attachment);
  void claim(RacedAttachment& attachment);
  void disclaim(RacedAttachment& attachment);

  void violation(const RacedAttachment& attachment, const std::string& text);
  void count(const std::string& what);
  Register& register_of(const RacedAttachment& attachment);

  Scale scale_;
  GcOrder order_ = GcOrder::kExclusive;
  std::vector<RacedNetwork> networks_;
  std::vector<std::unique_ptr<RacedAttachment>> attachments_;
  std::map<std::string, Register> registers_;
  std::mutex notes_;
  std::atomic<bool> stop_ = false;
};

}  // namespace linnet::test
