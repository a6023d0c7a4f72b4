# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of engines.sh about Podman: a service of root's, and one of an ordinary user's. Each has a storage, a runtime folder
# and a socket of its own, so that neither meets the images and containers that the machine's users have. To be sourced by
# engines.sh; the argument of its functions is podman or podman-rootless.

PODMAN_USER=enclave-podman

podman_socket() {
    case $1 in
    podman) printf '%s\n' "$ENCLAVE_PODMAN_SOCKET" ;;
    podman-rootless) printf '%s\n' "$ENCLAVE_PODMAN_ROOTLESS_SOCKET" ;;
    esac
}

podman_user() {
    case $1 in
    podman) printf 'root\n' ;;
    podman-rootless) printf '%s\n' "$PODMAN_USER" ;;
    esac
}

podman_our_pid() {
    local pid
    pid=$(as_root cat "$DIR/$1/pid" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = podman ] || return 1
    printf '%s\n' "$pid"
}

# An ordinary user that nobody logs in as, with 65536 further uids and gids for its containers.
podman_make_user() {
    id "$PODMAN_USER" >/dev/null 2>&1 ||
        as_root useradd --home-dir "$DIR/podman-rootless" --no-create-home --shell /usr/sbin/nologin "$PODMAN_USER"
    # useradd gives them where it is configured to.
    grep -q "^$PODMAN_USER:" /etc/subuid || as_root usermod --add-subuids 524288-589823 "$PODMAN_USER"
    grep -q "^$PODMAN_USER:" /etc/subgid || as_root usermod --add-subgids 524288-589823 "$PODMAN_USER"
}

# No systemd is taken for granted; and crun, the default, refuses cgroups of version 1 and 2 side by side.
podman_configure() {
    local runtime=''
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || runtime='runtime = "runc"'
    as_root tee "$1/containers.conf" >/dev/null <<EOF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
$runtime
EOF
}

# Detached from the terminal and from our descriptors, with nothing of our environment.
podman_launch() {
    local engine=$1 dir=$DIR/$1 user=
    user=$(podman_user "$engine")
    as_root mkdir -p "$dir/run"
    podman_configure "$dir"
    as_root chown -R "$user": "$dir/run"
    as_root chown "$user": "$dir"
    as_root chmod 711 "$dir"
    as_root chmod 700 "$dir/run"
    # shellcheck disable=SC2016 # expanded by the inner shell, which has the rights to write there
    as_root setsid --fork setpriv --reuid "$user" --regid "$user" --init-groups \
        env -i HOME="$dir" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        XDG_RUNTIME_DIR="$dir/run" CONTAINERS_CONF="$dir/containers.conf" \
        bash -c 'cd "$1" && echo $$ >pid && exec podman --storage-driver overlay --root "$1/data" --runroot "$1/run" \
            --tmpdir "$1/run/libpod" --log-level warn system service -t 0 "unix://$2" </dev/null >log 2>&1' \
        - "$dir" "$SOCKET"
}

podman_wait_ready() {
    local dir=$DIR/$1 started=$SECONDS waited
    while ! engine_answers; do
        waited=$((SECONDS - started))
        if [ $waited -ge "$START_TIMEOUT" ] || { [ $waited -gt 2 ] && ! podman_our_pid "$1" >/dev/null; }; then
            as_root tail -n 15 "$dir/log" >&2 || true
            die "podman does not answer on '$SOCKET'; its log is '$dir/log'"
        fi
        sleep 0.1
    done
}

# Debian's podman recommends what the others here are: networks and users' namespaces.
podman_install() {
    local packages=(podman runc conmon containernetworking-plugins iptables curl ca-certificates)
    [ "$1" = podman ] || packages+=(uidmap slirp4netns fuse-overlayfs)
    install_packages "${packages[@]}"
}

podman_start() {
    SOCKET=$(podman_socket "$1")
    podman_install "$1"
    [ "$1" = podman ] || podman_make_user
    if ! engine_answers; then
        say "starting $1 on $SOCKET"
        podman_launch "$1"
        podman_wait_ready "$1"
    fi
    # Whoever runs the tests is to use it.
    as_root chown "$(id -u)" "$SOCKET"
    say "$1 $(engine_version) answers on $SOCKET"
    engine_ensure_image
    say "image $IMAGE is there"
}

# A rootless Podman keeps a process that holds its namespaces.
podman_stop_pause() {
    local pid
    pid=$(as_root cat "$DIR/$1/run/libpod/pause.pid" 2>/dev/null) || return 0
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != 'podman pause' ] || as_root kill -KILL "$pid"
}

# Its containers end by themselves, with their streams.
podman_stop() {
    local pid
    if pid=$(podman_our_pid "$1"); then
        say "stopping $1 ($pid)"
        as_root kill -- "-$pid"
        if ! timeout 30 tail --pid="$pid" -f /dev/null; then
            say "it did not end within 30 s: killing it"
            as_root kill -KILL -- "-$pid"
        fi
        as_root rm -f "$DIR/$1/pid"
    else
        say "no $1 of ours is running"
    fi
    podman_stop_pause "$1"
}

podman_status() {
    SOCKET=$(podman_socket "$1")
    if ! engine_answers; then
        printf '%s: nothing answers on %s; try %s start %s\n' "$1" "$SOCKET" "$0" "$1"
        return 1
    fi
    printf '%s: %s on %s (user %s)\n' "$1" "$(engine_version)" "$SOCKET" "$(podman_user "$1")"
    engine_has_image || { printf '%s: image %s is missing; try %s start %s\n' "$1" "$IMAGE" "$0" "$1"; return 1; }
    printf '%s: image %s is there\n' "$1" "$IMAGE"
}

podman_clean() {
    podman_stop "$1"
    as_root umount -q "$DIR/$1/data/overlay" || true # Podman's own, of the folder on itself
    remove_data "$DIR/$1"
    if [ "$1" = podman-rootless ] && id "$PODMAN_USER" >/dev/null 2>&1; then
        as_root userdel "$PODMAN_USER"
    fi
}
