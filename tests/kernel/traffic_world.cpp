#include "tests/kernel/traffic_world.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/text.h"

namespace linnet::test {

namespace {

using cni::Json;

// Arguments: name, address, ports. Says "ready" when every port is bound. A datagram is answered from the
// address it came for, which the kernel tells and takes as ancillary data (IP_PKTINFO, IPV6_RECVPKTINFO). Not every
// kernel has SCTP.
const char* const kServer = R"(
import os, selectors, socket, sys
name, address, ports = sys.argv[1], sys.argv[2], [int(p) for p in sys.argv[3:]]
families = [socket.AF_INET, socket.AF_INET6]
if address:
    families = [socket.AF_INET6 if ':' in address else socket.AF_INET]
loop = selectors.DefaultSelector()
for port in ports:
    for family in families:
        for kind, protocol in ((socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, 0), (socket.SOCK_STREAM, socket.IPPROTO_SCTP)):
            try:
                s = socket.socket(family, kind, protocol)
            except OSError:
                if protocol == socket.IPPROTO_SCTP:
                    continue
                raise
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                s.setsockopt(socket.IPPROTO_IP, 8, 1)
            s.bind((address, port))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            loop.register(s, selectors.EVENT_READ, kind)
os.write(1, b'ready')
while True:
    for key, _ in loop.select():
        s = key.fileobj
        try:
            if key.data == socket.SOCK_STREAM:
                c, peer = s.accept()
                with c:
                    c.sendall(f'{name} {peer[0]}'.encode())
            else:
                _, local, _, peer = s.recvmsg(100, 256)
                s.sendmsg([f'{name} {peer[0]}'.encode()], local, 0, peer)
        except OSError:
            pass
)";

// Probes as JSON on standard input; answers as JSON on standard output. After some seconds without an answer
// there is none.
const char* const kClient = R"(
import json, selectors, socket, sys, time
probes = json.load(sys.stdin)
answers = [''] * len(probes)
loop = selectors.DefaultSelector()
left = 0
for i, (protocol, address, port, source) in enumerate(probes):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if protocol == 'udp' else socket.SOCK_STREAM,
                      socket.IPPROTO_SCTP if protocol == 'sctp' else 0)
    s.setblocking(False)
    if source:
        s.bind(('', source))
    try:
        s.connect_ex((address, port))
        if protocol == 'udp':
            s.send(b'?')
    except OSError:
        s.close()
        continue
    loop.register(s, selectors.EVENT_READ, i)
    left += 1
deadline = time.monotonic() + 3
while left and (wait := deadline - time.monotonic()) > 0:
    for key, _ in loop.select(wait):
        try:
            answers[key.data] = key.fileobj.recv(100).decode()
            deadline = time.monotonic() + 3
        except OSError:
            pass
        loop.unregister(key.fileobj)
        key.fileobj.close()
        left -= 1
print(json.dumps(answers))
)";

std::vector<std::string> inside(const std::string& netns, std::vector<std::string> command) {
  if (!netns.empty()) {
    const std::vector<std::string> enter = {"ip", "netns", "exec", netns};
    command.insert(command.begin(), enter.begin(), enter.end());
  }
  return command;
}

}  // namespace

void TrafficTest::SetUp() {
  HostTest::SetUp();
  if (!IsSkipped()) {
    make_outside();
    must_run({"ip", "-n", "outside", "route", "add", "default", "via", "192.0.2.1"});
    must_run({"ip", "-n", "outside", "route", "add", "default", "via", "2001:db8::1"});
  }
}

void TrafficTest::TearDown() {
  while (!servers_.empty()) {
    stop_last_server();
  }
  HostTest::TearDown();
}

void TrafficTest::stop_last_server() {
  ::kill(servers_.back(), SIGKILL);
  ::waitpid(servers_.back(), nullptr, 0);
  servers_.pop_back();
}

Json TrafficTest::portmap_conf(const Json& mappings, const Json& prev_result, const Json& changes) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"type", "portmap"}};
  conf["runtimeConfig"]["portMappings"] = mappings;
  if (!prev_result.is_null()) {
    conf["prevResult"] = prev_result;
  }
  return with(std::move(conf), changes);
}

Json TrafficTest::attach(const std::string& container) {
  make_container(container);
  must_run({"ip", "-n", container, "link", "set", "lo", "up"});
  // With br_netfilter a container that asks for its own published port is answered through the bridge.
  Json result = add(with(dual_stack_conf(), {{"hairpinMode", true}}), container);
  wait_for_local_route("br0", "fd22::1");
  return result;
}

void TrafficTest::publish(const Json& conf, const std::string& container) const {
  EXPECT_EQ(add(conf, container), conf["prevResult"]);
}

void TrafficTest::expect_refused(const Json& conf, const std::string& words,
                                 const std::string& container) const {
  const std::string before = world();
  const ProgramOutput output = call({.verb = "ADD", .container = container, .conf = conf});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.json().value("msg", output.standard_error), testing::HasSubstr(words));
  EXPECT_EQ(world(), before);
}

void TrafficTest::serve(const std::string& netns, const std::string& name,
                        const std::vector<int>& ports, const std::string& address) {
  std::vector<std::string> command = inside(netns, {"python3", "-c", kServer, name, address});
  for (const int port : ports) {
    command.push_back(std::to_string(port));
  }
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> arguments;
    for (std::string& argument : command) {
      arguments.push_back(argument.data());
    }
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  servers_.push_back(pid);
  ::close(ends[1]);
  char ready[8] = {};
  EXPECT_GT(::read(ends[0], ready, sizeof ready), 0) << name << " does not listen";
  ::close(ends[0]);
}

std::vector<std::string> TrafficTest::ask(const std::string& netns,
                                          const std::vector<Probe>& probes) {
  Json questions = Json::array();
  for (const Probe& probe : probes) {
    questions.push_back({probe.protocol, probe.address, probe.port, probe.from_port});
  }
  const ProgramOutput output =
      run_program(inside(netns, {"python3", "-c", kClient}), questions.dump());
  EXPECT_EQ(output.exit_code, 0) << output.standard_error;
  std::vector<std::string> answers(probes.size());
  const Json json = output.json();
  for (std::size_t i = 0; i < json.size() && i < answers.size(); ++i) {
    answers[i] = json[i].get<std::string>();
  }
  return answers;
}

std::string TrafficTest::rules() {
  return run_program({"nft", "list", "table", "inet", "linnet_portmap"}).standard_output;
}

}  // namespace linnet::test
