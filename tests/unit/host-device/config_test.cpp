#include "plugins/host-device/config.h"

#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::host_device {
namespace {

using cni::Json;
using cni::Verb;

cni::NetConf net_conf(const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "host-device"}};
  conf.update(changes);
  return cni::parse_net_conf(conf.dump(), Verb::kAdd, cni::kAllVersions);
}

DeviceKeys parse(const Json& changes, Verb verb = Verb::kAdd) {
  cni::Request request;
  request.verb = verb;
  return parse_config(request, net_conf(changes)).keys;
}

TEST(HostDeviceConfig, ReadsEveryWayToNameADevice) {
  EXPECT_EQ(parse({{"device", "eth1"}}).device, "eth1");
  EXPECT_EQ(parse({{"hwaddr", "02-00-00-00-00-0A"}}).hwaddr->text(), "02:00:00:00:00:0a");
  EXPECT_EQ(parse({{"kernelpath", "/sys/devices/pci0000:00/0000:00:1f.6"}}).kernel_path,
            "devices/pci0000:00/0000:00:1f.6");
  EXPECT_EQ(parse({{"pciBusID", "0000:00:1f.6"}}).pci_id, "0000:00:1f.6");
  EXPECT_EQ(parse({{"pciBusID", "10000:e1:00.0"}}).pci_id, "10000:e1:00.0");
}

TEST(HostDeviceConfig, TheRuntimesDeviceReplacesThePciDevice) {
  const auto chosen = [](const char* id) {
    return parse({{"pciBusID", "0000:00:1f.6"}, {"runtimeConfig", {{"DeviceID", id}}}});
  };
  EXPECT_EQ(chosen("0000:3b:02.1").pci_id, "0000:3b:02.1");
  EXPECT_EQ(chosen("mlx5_core.sf.2").auxiliary_id, "mlx5_core.sf.2");
  EXPECT_EQ(chosen("mlx5_core.sf.2").pci_id, "");
  EXPECT_EQ(chosen("").pci_id, "0000:00:1f.6");
}

TEST(HostDeviceConfig, StatusNeedsNoDeviceTheOthersDo) {
  EXPECT_TRUE(parse(Json::object(), Verb::kStatus).empty());
  test::expect_error(cni::Code::kInvalidNetworkConfig, "specify either \"device\"",
                     [] { static_cast<void>(parse(Json::object())); });
}

TEST(HostDeviceConfig, RefusesWrongValuesAndNamesKeyAndValue) {
  const auto refuses = [](const Json& changes, const std::string& text) {
    SCOPED_TRACE(changes.dump());
    test::expect_error(cni::Code::kInvalidNetworkConfig, text,
                       [&] { static_cast<void>(parse(changes)); });
  };
  refuses({{"device", "a/b"}}, "\"device\"");
  refuses({{"device", 7}}, "\"device\"");
  refuses({{"hwaddr", "hello"}}, "\"hwaddr\"");
  refuses({{"kernelpath", "/sys/class/net"}}, "is no path below /sys/devices/");
  refuses({{"kernelpath", "/sys/devices/../../etc"}}, "is no path below /sys/devices/");
  refuses({{"pciBusID", "00:1f.6"}}, "\"pciBusID\"");
  refuses({{"pciBusID", "0000:00:1f.8"}}, "\"pciBusID\"");
  refuses({{"pciBusID", "0000:00:1f.6/.."}}, "\"pciBusID\"");
  refuses({{"pciBusID", "../0:00:1f.6"}}, "\"pciBusID\"");
  refuses({{"runtimeConfig", {{"deviceID", "../x.y"}}}}, "\"runtimeConfig.deviceID\"");
  refuses({{"runtimeConfig", {{"deviceID", "..x"}}}}, "\"runtimeConfig.deviceID\"");
  refuses({{"device", "eth1"}, {"cniVersion", "0.2.0"}}, "has no result without an address");
}

TEST(HostDeviceConfig, DelGoesOnWithoutWhatCannotBeRead) {
  EXPECT_TRUE(parse_keys_leniently(net_conf({{"device", 7}})).empty());
  EXPECT_EQ(parse_keys_leniently(net_conf({{"device", "eth1"}})).device, "eth1");
}

}  // namespace
}  // namespace linnet::host_device
