# shellcheck shell=bash
# What stories about invites share: a page, its URL, and words that are not the code's.

page_of() { on "$1" curl -s --max-time 10 "$2"; }
url() { cut -f 1 "$1" | head -n 1; }
now_ms() { date +%s%3N; }
has_web_server() { # HOST TEXT
  mkdir -p "$T/www-$1"
  echo "$2" >"$T/www-$1/page"
  server "$1" "www-$1" "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www-$1" 7402
  within 10 listening "$1" 7402 || die "no web server"
}
# The same number, other words.
wrong_words() { echo "${1%%-*}-$([ "$(echo "$1" | cut -d - -f 2)" = tiger ] && echo lemon || echo tiger)-oboe"; }
