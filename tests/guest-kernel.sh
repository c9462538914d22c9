# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by run-in-kernel: fetches a kernel package, and makes of it what is booted. It uses the caller's options,
# say and die.

# stage1: init of the initramfs. It only makes the root file system.
stage1() { cat <<'EOF'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /bin /proc /sys /dev /lower /upper /root
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
fail() { echo "RIK-FATAL: $*" > /dev/kmsg; echo "RIK-FATAL: $*"; poweroff -f; sleep 9; }
while read -r m; do insmod "/mods/$m" || echo "insmod $m failed"; done < /modules.load
M9=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "ro,$M9,cache=loose" rikroot /lower || fail 'no 9p root'
mount -t tmpfs -o mode=0755 tmpfs /upper || fail 'no tmpfs'
mkdir -p /upper/u /upper/w
mount -t overlay -o lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w overlay /root || fail 'no overlay'
mkdir -p /root/proc /root/sys /root/dev /root/run /root/tmp
mount -t tmpfs -o mode=0755 tmpfs /root/run || fail 'no /run'
mkdir -p /root/run/rik/bin /root/run/rik/job
cp /bin/busybox /root/run/rik/bin/; cp /stage2 /root/run/rik/
mount -t 9p -o "$M9,cache=none" rikjob /root/run/rik/job || fail 'no job folder'
mount --move /proc /root/proc; mount --move /sys /root/sys; mount --move /dev /root/dev
exec switch_root /root /run/rik/bin/busybox sh /run/rik/stage2
EOF
}

# stage2: process 1 on the final root.
stage2() { cat <<'EOF'
B=/run/rik/bin/busybox
J=/run/rik/job
bb() { "$B" "$@"; }
. $J/conf
bb mkdir -p /dev/pts /dev/shm
bb mount -t devpts -o mode=0620,ptmxmode=0666,gid=5 devpts /dev/pts
bb mount -t tmpfs -o mode=1777 tmpfs /dev/shm
[ -e /dev/fd ] || bb ln -s /proc/self/fd /dev/fd
[ -e /dev/stdin ] || bb ln -s /proc/self/fd/0 /dev/stdin
[ -e /dev/stdout ] || bb ln -s /proc/self/fd/1 /dev/stdout
[ -e /dev/stderr ] || bb ln -s /proc/self/fd/2 /dev/stderr
[ -e /dev/net/tun ] || { bb mkdir -p /dev/net; bb mknod /dev/net/tun c 10 200; } 2>/dev/null
bb mkdir -p /run/netns /run/lock
V=$(bb uname -r)
bb mkdir -p "/lib/modules/$V" && bb mount --bind "$MODULES" "/lib/modules/$V"
bb mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
bb mount -t bpf none /sys/fs/bpf 2>/dev/null
bb mount -t debugfs none /sys/kernel/debug 2>/dev/null
bb hostname run-in-kernel 2>/dev/null
bb ip link set lo up
M9=trans=virtio,version=9p2000.L,msize=512000
i=0
while IFS= read -r d; do
  bb mkdir -p "$d"
  bb mount -t 9p -o "$M9,cache=mmap" "rikrw$i" "$d" || echo "RIK-FATAL: cannot share $d"
  i=$((i + 1))
done < $J/rw
while IFS= read -r d; do
  bb mkdir -p "$d" && bb mount -t tmpfs -o mode=0755 tmpfs "$d"
done < $J/tmpfs
echo "RIK-READY $(bb cut -d' ' -f1 /proc/uptime)"
bb cut -d' ' -f1 /proc/uptime > $J/ready
# /bin/sh, not busybox's: that one would prefer its own applets (ip, ping, ...).
# The command's stdout and stderr are pipes (as in any CI), copied to the host.
bb mkfifo /run/rik/o /run/rik/e
"$B" cat < /run/rik/o >> $J/stdout & O=$!
"$B" cat < /run/rik/e >> $J/stderr & E=$!
if [ "$MERGE" = 1 ]; then
  "$B" env -i /bin/sh $J/cmd < /dev/null > /run/rik/o 2>&1 & C=$!
  : > /run/rik/e
else
  "$B" env -i /bin/sh $J/cmd < /dev/null > /run/rik/o 2> /run/rik/e & C=$!
fi
wait $C; S=$?
# Let the copies end; a daemon left behind may hold the pipes: 3 s at most.
n=0
while [ $n -lt 60 ] && { bb kill -0 $O || bb kill -0 $E; } 2>/dev/null; do
  bb usleep 50000; n=$((n + 1))
done
bb sync
echo $S > $J/status
bb sync
echo "RIK-DONE $S $(bb cut -d' ' -f1 /proc/uptime)"
bb poweroff -f
bb sleep 30
EOF
}

# initramfs OUT KERNELVERSION BASEDIR MODULE... : BASEDIR/lib/modules/VERSION
make_initramfs() {
  local out=$1 ver=$2 base=$3 t f n; shift 3
  t=$(mktemp -d) || return 1
  rm -f "${out%-*}"-* # of older versions of this script
  mkdir -p "$t/bin" "$t/mods"
  cp "$BUSYBOX" "$t/bin/busybox"
  stage1 > "$t/init"; stage2 > "$t/stage2"; chmod 755 "$t/init"
  : > "$t/modules.load"
  for m; do
    modprobe -d "$base" -S "$ver" --show-depends "$m" 2>/dev/null || say "no module $m"
  done | awk '$1 == "insmod" && !s[$2]++ {print $2}' |
  while read -r f; do
    n=${f##*/}
    case $n in
      *.xz) n=${n%.xz}; xz -dc "$f" > "$t/mods/$n" ;;
      *.zst) n=${n%.zst}; zstd -dcq "$f" > "$t/mods/$n" ;;
      *.gz) n=${n%.gz}; gzip -dc "$f" > "$t/mods/$n" ;;
      *) cp "$f" "$t/mods/$n" ;;
    esac
    echo "$n" >> "$t/modules.load"
  done
  (cd "$t" && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) > "$out.new" &&
    mv "$out.new" "$out"
  local r=$?
  rm -rf "$t"
  return "$r"
}

# vmlinux IN OUT: unpack the ELF kernel from a bzImage, to boot it by PVH and
# spare the emulator the decompression. Quietly does nothing if it cannot.
unpack_vmlinux() {
  local setup off len magic z
  setup=$(od -An -tu1 -j497 -N1 "$1" | tr -d ' '); [ "$setup" != 0 ] || setup=4
  off=$(od -An -tu4 -j584 -N4 "$1" | tr -d ' ')
  len=$(od -An -tu4 -j588 -N4 "$1" | tr -d ' ')
  off=$(((setup + 1) * 512 + off))
  magic=$(od -An -tx1 -j"$off" -N4 "$1" | tr -d ' ')
  case $magic in
    fd377a58) z='xz -dc' ;;
    28b52ffd) z='zstd -dcq' ;;
    02214c18) z='lz4 -dc' ;;
    1f8b08*) z='gzip -dc' ;;
    *) return 1 ;;
  esac
  command -v "${z%% *}" >/dev/null || return 1
  # the last four bytes of the payload are its unpacked size
  tail -c +$((off + 1)) "$1" | head -c $((len - 4)) | $z > "$2.new" 2>/dev/null
  if [ "$(head -c4 "$2.new" | od -An -tx1 | tr -d ' ')" = 7f454c46 ] &&
     [ "$(stat -c %s "$2.new")" -gt 4000000 ]; then
    mv "$2.new" "$2"
  else
    rm -f "$2.new"; return 1
  fi
}

# Makes apt speak of another suite of Debian, whose lists stay in a folder: nothing of the machine changes.
use_suite() { # use_suite SUITE FOLDER
  mkdir -p "$2/lists/partial" "$2/cache/archives/partial"
  : > "$2/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $1 main" \
    > "$2/sources"
  cat > "$2/apt.conf" <<EOF
Dir::Etc::sourcelist "$2/sources";
Dir::Etc::sourceparts "-";
Dir::State::lists "$2/lists";
Dir::State::status "$2/status";
Dir::Cache "$2/cache";
EOF
  export APT_CONFIG=$2/apt.conf
  apt-get -q -o APT::Sandbox::User=root update >&2
}

# The kernel package into $KDIR/dl.
fetch_kernel() {
  local d pkg=$KERNEL_PKG
  (
    if [ -n "$SUITE" ]; then use_suite "$SUITE" "$KDIR/apt" || die "no packages of $SUITE"; fi
    # a meta-package: its dependency is the kernel
    d=$(apt-cache depends --no-recommends --no-suggests --no-conflicts \
        --no-breaks --no-replaces --no-enhances "$pkg" 2>/dev/null |
        awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ {print $2; exit}')
    say "fetching ${d:-$pkg}"
    cd "$KDIR/dl" && apt-get -q -o APT::Sandbox::User=root download "${d:-$pkg}" >&2 ||
      die "cannot download ${d:-$pkg} (apt-get update first?)"
  ) || { rm -rf "$KDIR"; exit 125; }
  rm -rf "$KDIR/apt"
}

# Sets KDIR (private copy), KVER, KIMAGE, KMODS, INITRD.
prepare_kernel() {
  local deb stamp v self
  self=$(stage1 | cat - <(stage2) | cksum | cut -d' ' -f1)
  if [ -n "$KERNEL_DEB" ]; then
    [ -f "$KERNEL_DEB" ] || die "no file $KERNEL_DEB"
    stamp=deb-$(basename "$KERNEL_DEB" .deb)
  else
    stamp=${SUITE:+$SUITE-}$KERNEL_PKG
  fi
  KDIR=$CACHE/$stamp
  exec 9> "$CACHE/.lock"; flock 9
  if [ ! -e "$KDIR/.ok" ]; then
    rm -rf "$KDIR"; mkdir -p "$KDIR/dl"
    deb=$KERNEL_DEB
    if [ -z "$deb" ]; then
      fetch_kernel
      deb=$(echo "$KDIR"/dl/linux-image-*.deb)
    fi
    # Without what no network test needs: 400 MB become about 100.
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$KDIR" --wildcards \
      --exclude='*/kernel/sound' --exclude='*/drivers/gpu' --exclude='*/drivers/media' \
      --exclude='*/drivers/infiniband' --exclude='*/drivers/net/wireless' \
      --exclude='*/drivers/net/ethernet/[!i]*' --exclude='*/ethernet/intel/i[!g]*' \
      --exclude='*/drivers/usb' \
      --exclude='*/drivers/scsi' --exclude='*/drivers/iio' --exclude='*/drivers/staging' \
      --exclude='*/drivers/comedi' --exclude='*/drivers/hid' --exclude='*/drivers/video' \
      --exclude='*/net/bluetooth' --exclude='*/net/wireless' --exclude='*/net/mac80211' \
      --exclude='*/fs/xfs' --exclude='*/fs/btrfs' --exclude='*/fs/ocfs2' \
      --exclude='*/fs/nfs*' --exclude='*/fs/smb' --exclude='*/fs/ceph' \
      --exclude='*/usr/share/doc' || die "cannot unpack $deb"
    rm -rf "$KDIR/dl"
    v=$(echo "$KDIR"/boot/vmlinuz-*); v=${v##*/vmlinuz-}
    [ -n "$v" ] || die "no kernel in $deb"
    if [ ! -d "$KDIR/lib/modules" ]; then # usr-merged packages
      [ -d "$KDIR/usr/lib/modules" ] && ln -s usr/lib "$KDIR/lib"
    fi
    depmod -b "$KDIR" "$v" || die 'depmod failed'
    unpack_vmlinux "$KDIR/boot/vmlinuz-$v" "$KDIR/vmlinux" || rm -f "$KDIR/vmlinux"
    echo "$v" > "$KDIR/.ok"
  fi
  KVER=$(cat "$KDIR/.ok")
  KMODS=$(cd "$KDIR/lib/modules/$KVER" && pwd -P)
  KIMAGE=$KDIR/vmlinux; [ -e "$KIMAGE" ] || KIMAGE=$KDIR/boot/vmlinuz-$KVER
  INITRD=$KDIR/initrd-$self
  [ -e "$INITRD" ] || make_initramfs "$INITRD" "$KVER" "$KDIR" \
    virtio_pci 9pnet_virtio 9p overlay || die 'cannot make the initramfs'
  flock -u 9; exec 9>&-
}
