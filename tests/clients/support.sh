# shellcheck shell=bash disable=SC1091,SC2034,SC2154
# Sourced by the tests of real runtimes. Each is called with the folder of the plugins, prints a line
# "ok - claim" or "not ok - claim" a claim, and ends with 0, with 1, or with 77 after a line with the
# reason why it could not run here.
#
# The runtimes are Debian 12's packages (purpose client:NAME in cmake/packages), unpacked below
# build/clients and not installed: no service starts, nothing of the machine changes.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
failures=0

skip() {
  echo "skipped: $*"
  exit 77
}

# claim TEXT COMMAND…: the claim holds if the command succeeds.
claim() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok - $text"
  else
    echo "not ok - $text"
    printf '%s\n' "$output" | sed 's/^/    /' | head -n 40
    failures=$((failures + 1))
  fi
}

not() { ! "$@"; }

# Unpacks the packages of a client once and prints the folder.
unpack_client() {
  local client=$1
  local folder=$root/build/clients/$client
  if [ ! -e "$folder/complete" ]; then
    local packages
    mapfile -t packages < <(awk -v purpose="client:$client" \
      '$1 !~ /^#/ { for (i = 2; i <= NF; i++) if ($i == purpose) print $1 }' "$root/cmake/packages")
    rm -rf "$folder"
    mkdir -p "$folder/packages"
    (
      cd "$folder/packages"
      fetch() { apt-get -q -o APT::Sandbox::User=root download "${packages[@]}"; }
      fetch || { apt-get -q update && fetch; }
    ) >"$folder/log" 2>&1 || return 1
    local package
    for package in "$folder"/packages/*.deb; do
      dpkg -x "$package" "$folder" >>"$folder/log" 2>&1 || return 1
    done
    rm -r "$folder/packages"
    touch "$folder/complete"
  fi
  echo "$folder"
}

# Sets `unpacked`, or ends the test with a skip.
need_client() {
  [ "$(id -u)" = 0 ] || skip "needs root: it makes network namespaces"
  local VERSION_ID='' ID=''
  . /etc/os-release
  [ "$ID $VERSION_ID" = "debian 12" ] || skip "knows the packages of Debian 12 only"
  unpacked=$(unpack_client "$1") || skip "the packages of $1 cannot be had here"
}

# unpack_from SUITE PACKAGE…: packages of another suite of Debian, whose lists stay in a folder of their own, once;
# prints the folder.
unpack_from() {
  local suite=$1
  shift
  local folder=$root/build/clients/$suite
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/packages"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" \
      >"$folder/sources"
    cat >"$folder/apt.conf" <<CONF
Dir::Etc::sourcelist "$folder/sources";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/lists";
Dir::Cache "$folder/cache";
APT::Sandbox::User "root";
CONF
    (
      export APT_CONFIG=$folder/apt.conf
      cd "$folder/packages"
      apt-get -q update && apt-get -q download "$@"
    ) >"$folder/log" 2>&1 || return 1
    local package
    for package in "$folder"/packages/*.deb; do
      dpkg -x "$package" "$folder" >>"$folder/log" 2>&1 || return 1
    done
    rm -r "$folder/packages" "$folder/lists" "$folder/cache"
    touch "$folder/complete"
  fi
  echo "$folder"
}

# Runs this test again inside a host of its own: namespaces and a control group that go when it
# ends, whatever it started. Returns only inside.
enter_host() {
  case "${LINNET_CLIENT_STAGE:-outside}" in
    outside)
      LINNET_CLIENT_STAGE=group exec unshare --mount "$0" "$@"
      ;;
    group)
      local mounted group status=0
      mounted=$(mktemp -d) && mount -t tmpfs none "$mounted" && mkdir "$mounted/group"
      mount -t cgroup2 none "$mounted/group" || skip "there is no cgroup2 to mount here"
      group=$mounted/group$(sed -n 's/^0:://p' /proc/self/cgroup)/linnet-test-$$
      mkdir "$group"
      (
        echo "$BASHPID" >"$group/cgroup.procs"
        LINNET_CLIENT_STAGE=inside exec unshare --mount --net --pid --uts --ipc --cgroup --fork \
          --kill-child --mount-proc "$0" "$@"
      ) &
      local inside=$!
      trap 'kill -KILL "$inside"' INT TERM HUP
      wait "$inside" || status=$?
      trap '' INT TERM HUP
      # The group empties when the last process of the namespace is reaped.
      for _ in $(seq 100); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
        [ -d "$group" ] || break
        sleep 0.05
      done
      umount "$mounted/group" "$mounted"
      rmdir "$mounted"
      exit "$status"
      ;;
  esac
  mount -t tmpfs none /run
  mkdir -p /run/netns /run/plugins
  mount --bind /run/netns /run/netns
  mount --bind "$plugins" /run/plugins
  # Places that runtimes have fixed, with nothing left in them afterwards.
  local place
  for place in /etc /opt /var/lib; do
    mkdir -p "/run/over$place/upper" "/run/over$place/work"
    mount -t overlay -o "lowerdir=$place,upperdir=/run/over$place/upper,workdir=/run/over$place/work" \
      overlay "$place" || skip "there is no overlayfs to mount here"
  done
  rm -rf /var/lib/cni /etc/cni /opt/cni
  mkdir -p /var/lib/cni /etc/cni/net.d /opt/cni/bin
  mount --bind /run/plugins /opt/cni/bin
  # The other folder in which Debian's runtimes look.
  if [ -d /usr/lib/cni ]; then
    mount -t tmpfs none /usr/lib/cni
  fi
  mount -t sysfs none /sys
  mount -t cgroup2 none /sys/fs/cgroup
  ip link set lo up
}

# What attachments change, one fact a line: links, addresses, routes, nftables, iptables, files. What
# changes by itself, and what a store keeps between leases, is left out.
world() {
  ip -br link | awk '{ print "link", $1, $3 }'
  ip -br addr | awk '{ $2 = "address"; sub(/ fe80:[^ ]*/, ""); print }'
  ip -4 route show table all | sed -E 's/ linkdown//; s/^/route /'
  ip -6 route show table all | sed -E '/fe80:|^multicast|ff00::/d; s/ linkdown//; s/^/route6 /'
  # By table: their order is that in which they were made.
  nft list tables 2>/dev/null | sort | while read -r _ family table; do
    nft -s list table "$family" "$table" 2>/dev/null | sed 's/^/nft /'
  done
  cat /proc/sys/net/ipv4/ip_forward
  find /var/lib/cni -type f ! -name lock ! -name 'last_reserved_ip*' ! -name '.linnet*' | sort
}

# Whether the world is the one given, and how not.
world_is() { diff <(printf '%s\n' "$1") <(world); }

# Within ten seconds.
eventually() {
  for _ in $(seq 100); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  "$@"
}

image=localhost/linnet-test:1

# An image of one static executable that serves a page, as `docker save` would write it: $work/image.tar.
make_image() (
  set -e
  mkdir -p "$work/image"
  cd "$work/image"
  mkdir -p root/bin root/www root/proc root/sys root/dev root/tmp root/etc
  cp "$unpacked/bin/busybox" root/bin/busybox
  for applet in sh sleep ping wget httpd ip nc; do ln -s busybox root/bin/$applet; done
  echo "hello from a container" >root/www/index.html
  tar -C root -cf layer.tar .
  cat >config.json <<CONF
{"architecture": "$(dpkg --print-architecture)", "os": "linux",
 "config": {"Cmd": ["/bin/httpd", "-f", "-p", "80", "-h", "/www"], "Env": ["PATH=/bin"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum layer.tar | cut -d' ' -f1)"]}}
CONF
  echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$image\"], \"Layers\": [\"layer.tar\"]}]" \
    >manifest.json
  tar -cf ../image.tar manifest.json config.json layer.tar
)

# $work/runc: runc without resource limits, since which controllers a group of ours has differs from machine
# to machine.
write_runc() {
  cat >"$work/runc" <<SCRIPT
#!/usr/bin/python3
import json, os, sys
if "--bundle" in sys.argv and "create" in sys.argv:
    path = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
    config = json.load(open(path))
    config["linux"].pop("resources", None)
    json.dump(config, open(path, "w"))
os.execv("$unpacked/usr/sbin/runc", sys.argv)
SCRIPT
  chmod +x "$work/runc"
}

# Fetches http://ADDRESS[:PORT]/ in a network namespace (a name, "" for the host's).
fetch() {
  local netns=$1 address=$2
  ${netns:+ip netns exec "$netns"} python3 -c "import sys, urllib.request
print(urllib.request.urlopen('http://$address/', timeout=5).read().decode())" | grep -F "hello from a container"
}

# A neighbour "lan" (192.168.77.2, fd77::2) behind the host's interface up0 (192.168.77.1, fd77::1), which
# knows no way to the containers.
make_lan() {
  ip netns add lan
  ip link add up0 type veth peer name eth0 netns lan
  ip addr add 192.168.77.1/24 dev up0
  ip -6 addr add fd77::1/64 dev up0 nodad
  ip -n lan addr add 192.168.77.2/24 dev eth0
  ip -n lan -6 addr add fd77::2/64 dev eth0 nodad
  ip -n lan link set lo up
  ip -n lan link set eth0 up
  ip link set up0 up
  # The kernel notices the carrier up to a second later, and makes the routes of IPv6 then.
  eventually eval "ip -6 route show table local dev up0 | grep -q ff00::/8"
}

finish() { [ "$failures" = 0 ]; exit; }
