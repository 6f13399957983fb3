# shellcheck shell=bash
# A browser for stories, after tests/netns/lib.sh: Chromium without a window and with a new profile
# each time. It runs as another user, as it will not as root, so the gateway's overlay.conf must say
# `[local] users = nobody`. With BROWSER_PKI it has a copy of that folder as its ~/.pki: authorities
# that it believes.

# as_nobody HOST CMD...: with @PROFILE@ in CMD for a new profile
as_nobody() {
  local host=$1 profile
  shift
  mkdir -p "$T/browser"
  chmod 777 "$T/browser"
  profile=$(mktemp -d -p "$T/browser")
  [ -z "${BROWSER_PKI:-}" ] || { cp -r "$BROWSER_PKI" "$profile/.pki" && chown -R nobody "$profile/.pki"; }
  chmod 777 "$profile"
  prepare_profile "$profile"
  on "$host" "${AROUND[@]}" timeout 120 setpriv --reuid nobody --regid nogroup --clear-groups \
    env HOME="$profile" XDG_RUNTIME_DIR="$profile" "${@//@PROFILE@/$profile}"
}
# What a story runs the browser by, and what it does to a new profile: it may say otherwise.
AROUND=()
prepare_profile() { :; }

# visit_by_firefox HOST STEP...: as tests/interop/firefox.py has them
visit_by_firefox() { as_nobody "$1" "$PYTHON" - @PROFILE@ "${@:2}" <"$ROOT/tests/interop/firefox.py"; }

# visit HOST STEP...: as tests/interop/chromium.py has them
visit() { as_nobody "$1" "$PYTHON" - @PROFILE@ "${@:2}" <"$ROOT/tests/interop/chromium.py"; }

# browse HOST ARGS...
browse() {
  local host=$1
  shift
  as_nobody "$host" chromium --headless --no-sandbox --disable-gpu --disable-quic \
    --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --disable-dev-shm-usage --user-data-dir=@PROFILE@ --window-size=800,400 "$@" 2>"$T/chromium.log"
}
