# A systemd of its own, as the first process of its own namespaces, over a copy of this machine's files that is thrown away.
# $1: an empty folder; $2: the binary to test. Needs root. Only what a service needs runs in it, and the kernel's settings
# are mounted for reading, so that nothing of the machine changes.
set -e
base=$1
mount --make-rprivate /
mount -t tmpfs -o size=700m tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" overlay "$base/root"
root=$base/root
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
# Each hierarchy of control groups as it is seen from the group that this process was put into.
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
for group in $3; do
  if [ "$group" = . ]; then
    mount --bind "/sys/fs/cgroup/$4" "$root/sys/fs/cgroup"
  else
    mkdir "$root/sys/fs/cgroup/$group"
    mount --bind "/sys/fs/cgroup/$group/$4" "$root/sys/fs/cgroup/$group"
  fi
done
cd "$root"
rm -rf etc/systemd/system etc/systemd/system-generators usr/lib/systemd/system-generators var/log/journal
rm -rf usr/lib/systemd/system/*.wants lib/systemd/system/*.wants run/systemd
mkdir -p etc/systemd/system opt usr/local/bin usr/local/src
rm -rf opt/agent etc/agent var/lib/agent usr/local/bin/agent
cp "$2" usr/local/src/agent
chmod 755 usr/local/src/agent
printf '[Unit]\nRequires=systemd-journald.service\nAfter=systemd-journald.service\n' > etc/systemd/system/test.target
# No chroot: a unit's own view of the files needs a root that is a mount.
mkdir old
pivot_root . old
cd /
umount -l old
rmdir old
container=agent-test exec /usr/lib/systemd/systemd --unit=test.target --log-target=journal --show-status=no
