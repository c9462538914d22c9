// The plugins of the suite. Each is defined in its folder's plugin.cpp; main.cpp lists them.
#pragma once

#include "plugins/skel/plugin.h"

namespace linnet::bandwidth {
extern const skel::Plugin kPlugin;
}
namespace linnet::bridge {
extern const skel::Plugin kPlugin;
}
namespace linnet::dummy {
extern const skel::Plugin kPlugin;
}
namespace linnet::firewall {
extern const skel::Plugin kPlugin;
}
namespace linnet::host_device {
extern const skel::Plugin kPlugin;
}
namespace linnet::host_local {
extern const skel::Plugin kPlugin;
}
namespace linnet::ipvlan {
extern const skel::Plugin kPlugin;
}
namespace linnet::loopback {
extern const skel::Plugin kPlugin;
}
namespace linnet::macvlan {
extern const skel::Plugin kPlugin;
}
namespace linnet::portmap {
extern const skel::Plugin kPlugin;
}
namespace linnet::ptp {
extern const skel::Plugin kPlugin;
}
namespace linnet::sbr {
extern const skel::Plugin kPlugin;
}
namespace linnet::static_ipam {
extern const skel::Plugin kPlugin;
}
namespace linnet::tap {
extern const skel::Plugin kPlugin;
}
namespace linnet::tuning {
extern const skel::Plugin kPlugin;
}
namespace linnet::vlan {
extern const skel::Plugin kPlugin;
}
namespace linnet::vrf {
extern const skel::Plugin kPlugin;
}
