# shellcheck shell=bash
# A browser for stories, after tests/netns/lib.sh: Chromium without a window and with a new profile
# each time. It runs as another user, as it will not as root, so the gateway's overlay.conf must say
# `[local] users = nobody`.

# browse HOST ARGS...
browse() {
  local host=$1 profile
  shift
  mkdir -p "$T/browser"
  chmod 777 "$T/browser"
  profile=$(mktemp -d -p "$T/browser")
  chmod 777 "$profile"
  on "$host" timeout 60 setpriv --reuid nobody --regid nogroup --clear-groups \
    env HOME="$profile" XDG_RUNTIME_DIR="$profile" chromium --headless --no-sandbox --disable-gpu --disable-quic \
    --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --disable-dev-shm-usage --user-data-dir="$profile" --window-size=800,400 "$@" 2>"$T/chromium.log"
}
