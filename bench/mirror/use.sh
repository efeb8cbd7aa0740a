#!/usr/bin/env bash
# Mirrors a tree to a server and back from there, as a user would: interrupted, killed, run
# again, changed and mirrored again. After each step both ends are compared by diff and rsync,
# and each dry run with what the run after it did.
#
#   use.sh BIN TREE     BIN has ftpd and ftpc; TREE is copied, and stays as it is
set -euo pipefail -m # -m: a program in the background can be interrupted
bin=$1 tree=$2
work=$(mktemp -d)
mkdir "$work/root"
cp -r "$tree" "$work/source"
"$bin/ftpd" --root "$work/root" --listen 127.0.0.1:0 --log-level warn >"$work/says" &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until grep -q ' on ' "$work/says"; do kill -0 $server; sleep 0.05; done
export FTPC_SERVER
FTPC_SERVER=$(sed 's/.* on //' "$work/says")

say() { printf '%s\n' "$*"; }
fail() {
  say "FAILED: $*"
  exit 1
}
mirror() { "$bin/ftpc" mirror -q "$@"; }

# same A B: both have the same names, bytes, modes and times of files.
same() {
  diff -r --no-dereference "$1" "$2" || fail "$1 and $2 differ"
  rsync -n -rptic -O --delete "$1/" "$2/" >"$work/differs"
  [ ! -s "$work/differs" ] || { head "$work/differs"; fail "$1 and $2 differ for rsync"; }
}

# settled ARGS...: nothing is left to do.
settled() {
  mirror -n --delete "$@" >"$work/plan"
  [ ! -s "$work/plan" ] || { head "$work/plan"; fail "still to be done: $*"; }
}

files() { find "$1" -type f ! -name '.*.ftpc-*' 2>/dev/null | wc -l; }

# cut SIGNAL FILES DIR ARGS...: ends a mirror with a signal when DIR has so many files.
cut() {
  local signal=$1 most=$2 dir=$3 pid status=0
  shift 3
  "$bin/ftpc" mirror -q --bwlimit 30M "$@" 2>/dev/null &
  pid=$!
  while kill -0 $pid 2>/dev/null && [ "$(files "$dir")" -lt "$most" ]; do :; done
  kill "-$signal" $pid || fail "it was over before it could be ended"
  { wait $pid; } 2>/dev/null || status=$?
  say "  SIG$signal: status $status, $(files "$dir") files are there"
}

# deeds FILE: what --json tells of a run, or of what one would do, sorted.
deeds() {
  sed -n '/"type":"file"/{/"action":"mkdir"/d;s/.*"remote":"\([^"]*\)".*"action":"remove".*/remove \1/;t out;s/.*"remote":"\([^"]*\)".*/copy \1/;:out;p}' "$1" | sort
}

# ends WAY: sets from, to and target.
ends() {
  if [ "$1" = up ]; then
    from=$work/source to=ftpd:///copy target=$work/root/copy
  else
    from=ftpd:///copy to=$work/back target=$work/back
  fi
}

all=$(files "$work/source")
for way in up down; do
  ends $way
  say "$way: $all files"
  cut INT $((all / 10)) "$target" "$from" "$to"
  cut KILL $((all / 4)) "$target" "$from" "$to"
  cut KILL $((all / 2)) "$target" "$from" "$to"
  mirror "$from" "$to"
  [ -z "$(find "$target" -name '.*.ftpc-*')" ] || fail "something was left behind"
  same "$work/source" "$target"
  settled "$from" "$to"
done

# Some files of the tree, whatever it is.
mapfile -t some < <(cd "$work/source" && find . -type f -size -64k | sort | awk 'NR % 500 == 7' | head -5)
(
  cd "$work/source"
  echo change >>"${some[0]}"
  rm "${some[1]}"
  mv "${some[2]}" "${some[2]}.renamed"
  rm "${some[3]}" && mkdir "${some[3]}" && echo inner >"${some[3]}/inner"
  mv "$(dirname "${some[4]}")" moved
  mkdir -p new/empty && echo odd >$'new/- odd\nname'
)
for way in up down; do
  ends $way
  mirror -n --json --delete "$from" "$to" >"$work/plan"
  ! mirror --delete --max-delete 1 "$from" "$to" 2>/dev/null || fail "--max-delete did not hold"
  mirror --json --delete "$from" "$to" >"$work/done"
  cmp <(deeds "$work/plan") <(deeds "$work/done") || fail "the dry run was not what was done"
  say "$way: $(deeds "$work/done" | wc -l) changes, as the dry run had them"
  same "$work/source" "$target"
  settled "$from" "$to"
done

# What neither size nor time shows.
file=$(find "$work/source" -type f -size +1k | sort | tail -1)
cp -p "$file" "$work/before"
tr 'a-z' 'b-za' <"$work/before" >"$file"
touch -r "$work/before" "$file"
for way in up down; do
  ends $way
  settled "$from" "$to"
  mirror --checksum "$from" "$to"
  same "$work/source" "$target"
done
say "by content: found both ways"
