#!/usr/bin/env bash
# Runs the stories beside it: usage: run.sh [NAME...]   (run.sh tcp runs tests/netns/tcp_test.sh)
# Needs root for network namespaces and asks sudo for it; OVERLAY=FILE tries another program.
set -u

here=$(cd "$(dirname "$0")" && pwd)
label=$(basename "$here")
cd "$here/../.." || exit 1
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "$label: these tests make network namespaces: run them as root, or install sudo" >&2
    exit 1
  }
  exec sudo --preserve-env=OVERLAY,NATLAB,TEST_RESULTS,RUN,TEST_TIMES "$here/run.sh" "$@"
fi
probe=ov-probe-$$
ip netns add $probe || {
  echo "$label: cannot make network namespaces here (CAP_NET_ADMIN, CAP_SYS_ADMIN): not tested" >&2
  exit 1
}
ip netns del $probe

stories=()
for name in "${@:-*}"; do
  # shellcheck disable=SC2206  # the pattern is meant
  stories+=("$here"/${name}_test.sh)
done
if [ ! -e "${stories[0]}" ]; then
  echo "$label: no such story: $*" >&2
  exit 1
fi
tests/tools/run-tests.sh -v -l "$label" -t 300 -j "${STORIES_AT_ONCE:-2}" "${stories[@]}"
code=$?
# What sudo made under build/ belongs to the one who called it.
[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" build
exit $code
