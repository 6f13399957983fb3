# shellcheck shell=bash

# The address that apt has for this machine's release, from its own configuration.
mirror() {
  local VERSION_CODENAME
  # shellcheck source=/dev/null
  . /etc/os-release
  # shellcheck disable=SC2016  # apt expands these
  apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI) $(ORIGIN)' \
    'Created-By: Packages' | awk -v name="$VERSION_CODENAME" \
    '$1 == name && $2 == "main" && $4 == "Debian" { print $3; exit }'
}
