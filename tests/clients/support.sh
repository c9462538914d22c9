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
  ip route show table all | sed -E '/fe80::/d; s/ linkdown//; s/^/route /'
  ip -6 route show table all | sed -E '/fe80:|^multicast|ff00::/d; s/ linkdown//; s/^/route6 /'
  nft -s list ruleset | sed 's/^/nft /'
  cat /proc/sys/net/ipv4/ip_forward
  find /var/lib/cni -type f ! -name lock ! -name 'last_reserved_ip*' ! -name '.linnet*' | sort
}

# Whether the world is the one given, and how not.
world_is() { diff <(printf '%s\n' "$1") <(world); }

finish() { [ "$failures" = 0 ]; exit; }
