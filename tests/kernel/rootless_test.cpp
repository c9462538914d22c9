// Plugins in a user namespace that owns the network namespaces: privileged there, and nowhere else.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/kernel/bridge_conf.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

// ADD, what the kernel has then, CHECK and DEL of a list; $1 is the folder of the plugins, $2 the types in order, the
// configuration of each is in /run/conf.TYPE.
constexpr const char* kScript = R"sh(
set -e
mkdir /run/own && mount -t tmpfs none /run/own && ip link set lo up
unshare --net sleep 1000 & container=$!
trap 'kill $container' EXIT
until [ "$(readlink /proc/$container/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
export CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/proc/$container/ns/net CNI_PATH=$1
call() {
  result=null
  [ ! -s /run/own/result ] || result=$(cat /run/own/result)
  sed "s|\"RESULT\"|$result|" /run/conf.$2 | CNI_COMMAND=$1 "$CNI_PATH/$2"
}
reversed=
for type in $2; do
  call ADD $type > /run/own/new || { cat /run/own/new; exit 1; }
  mv /run/own/new /run/own/result
  reversed="$type $reversed"
done
nsenter --target $container --net ip -o addr show dev eth0
for type in $2; do call CHECK $type; done
for type in $reversed; do call DEL $type; done
echo "left: $(nsenter --target $container --net ip -o link show dev eth0 2>/dev/null)"
)sh";

class Rootless : public HostTest {
 protected:
  static void configure(const char* type, const Json& keys) {
    Json conf = with({{"cniVersion", "1.0.0"}, {"name", "net1"}, {"type", type}}, keys);
    conf["prevResult"] = "RESULT";
    std::ofstream(std::string("/run/conf.") + type) << conf.dump();
  }
  void expect_works(const std::string& types) {
    const ProgramOutput output =
        run_program({"unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c",
                     kScript, "sh", plugin_path_, types});
    EXPECT_EQ(output.exit_code, 0) << output.standard_output << output.standard_error;
    EXPECT_THAT(output.standard_output, HasSubstr("10.99.0.2/24"));
    EXPECT_THAT(output.standard_output, testing::EndsWith("left: \n"));
  }

  Json ipam_ = {{"type", "host-local"},
                {"dataDir", "/run/own/leases"},
                {"subnet", "10.99.0.0/24"},
                {"routes", Json::array({{{"dst", "0.0.0.0/0"}}})}};
};

TEST_F(Rootless, AListWorksWhereTheUserNamespaceOwnsTheNetwork) {
  configure("bridge", {{"isGateway", true}, {"ipMasq", true}, {"ipam", ipam_}});
  configure(
      "portmap",
      {{"runtimeConfig",
        {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}}}}}}});
  configure("firewall", {{"ingressPolicy", "same-bridge"}});
  configure("tuning", {{"mtu", 1400}, {"dataDir", "/run/own/tuning"}});
  configure("bandwidth", {{"ingressRate", 1000000}, {"ingressBurst", 1000000}});
  expect_works("bridge portmap firewall tuning bandwidth");
}

TEST_F(Rootless, PtpWorksWhereTheUserNamespaceOwnsTheNetwork) {
  configure("ptp", {{"ipMasq", true}, {"ipam", ipam_}});
  expect_works("ptp");
}

}  // namespace
}  // namespace linnet::test
