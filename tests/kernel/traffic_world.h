// A host with containers behind a bridge, an outside world, and programs that answer and ask.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {

// A question to a port, and the source port it comes from (0: any).
struct Probe {
  std::string protocol;  // "tcp", "udp", "sctp"
  std::string address;
  int port = 0;
  int from_port = 0;
};

class TrafficTest : public HostTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // portmap of network net1 for a container with this prevResult; `changes` on top.
  [[nodiscard]] static cni::Json portmap_conf(const cni::Json& mappings,
                                              const cni::Json& prev_result,
                                              const cni::Json& changes = cni::Json::object());
  // A new container with an address of both families, and its result.
  cni::Json attach(const std::string& container);
  // ADD of portmap, which must succeed and give back what it got.
  void publish(const cni::Json& conf, const std::string& container = "c1") const;
  // ADD of portmap, which must fail with these words and leave the world as it was.
  void expect_refused(const cni::Json& conf, const std::string& words,
                      const std::string& container = "c1") const;

  // A program in `netns` ("": the host) that answers on `ports` over TCP, UDP and, where the kernel has it,
  // SCTP, at every address or at one: "NAME SOURCE-ADDRESS". It runs until the end of the test.
  void serve(const std::string& netns, const std::string& name, const std::vector<int>& ports,
             const std::string& address = "");
  void stop_last_server();
  // The answers to the probes, all asked at once from `netns`: "" for one that is not answered.
  [[nodiscard]] static std::vector<std::string> ask(const std::string& netns,
                                                    const std::vector<Probe>& probes);
  [[nodiscard]] static std::string ask(const std::string& netns, const Probe& probe) {
    return ask(netns, std::vector<Probe>{probe}).front();
  }

  // `nft list ruleset` without what other plugins made.
  [[nodiscard]] static std::string rules();

 private:
  std::vector<pid_t> servers_;
};

}  // namespace linnet::test
