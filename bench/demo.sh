#!/usr/bin/env bash
# The main job on real input: two Go releases go into one store and come out of
# a mount and a restore, byte for byte; an ingest is killed, a byte is flipped,
# the index is thrown away. `make demo` runs it. It needs bin/afs-engine, the
# go command and the Go module proxy; everything it makes is removed again.
set -euo pipefail
cd "$(dirname "$0")/.."
afs=$PWD/bin/afs-engine
old=${AFS_DEMO_OLD:-1.26.0}
new=${AFS_DEMO_NEW:-1.26.1}
platform=$(go env GOOS)-$(go env GOARCH)
work=$(mktemp -d "${TMPDIR:-/tmp}/afs-demo.XXXXXX")
export AFS_STORE=$work/store XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
mnt=$work/mnt
cleanup() {
	mountpoint -q "$mnt" 2>/dev/null && "$afs" umount "$mnt" >/dev/null 2>&1
	chmod -R u+w "$work" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
mb() { awk -v n="$1" 'BEGIN { printf "%.1f MB", n / 1e6 }'; }
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" | tail -n 1; } # of a JSON line
step() { echo "\$ afs-engine $*"; "$afs" "$@"; }
began=$(now)

# The releases come while the estimate runs.
fetch() {
	for v in "$old" "$new"; do
		go mod download -json "golang.org/toolchain@v0.0.1-go$v.$platform" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
	done
}
(cd "$work" && GOFLAGS=-mod=mod fetch >dirs 2>fetch.log && touch fetched || touch failed) &
fetching=$(now)

say "(a) What would your own files take? Nothing is stored by asking."
step estimate "$(go env GOROOT)"

waiting=$(now)
while [ ! -e "$work/fetched" ] && [ ! -e "$work/failed" ]; do sleep 0.1; done
if [ -e "$work/failed" ]; then
	cat "$work/fetch.log" >&2
	echo "demo: the Go module proxy did not give the releases $old and $new" >&2
	exit 1
fi
waited=$(since "$waiting") fetched=$(since "$fetching")
# Modules carry no execute bits; a toolchain needs them.
{ read -r dir_old; read -r dir_new; } <"$work/dirs"
for v in old new; do
	src=dir_$v
	cp -r "${!src}" "$work/$v"
	chmod -R u+w "$work/$v"
	find "$work/$v/bin" "$work/$v/pkg/tool" -type f -exec chmod +x {} +
done
echo "(downloads: Go $old and $new, $fetched s, of which $waited s were waited for)"

say "(b) Two releases of Go, $(du -s --apparent-size -B1000000 "$work/old" | cut -f1) MB each."
step ingest "$work/old" "go/toolchain@$old"
size_old=$("$afs" stats --json | field stored_bytes)
step ingest "$work/new" "go/toolchain@$new"
size_both=$("$afs" stats --json | field stored_bytes)
raw=$(du -s --apparent-size -B1 "$work/old" | cut -f1)
if command -v zstd >/dev/null; then
	tar_old=$(tar -C "$work" -c old | zstd -q -3 | wc -c)
	tar_new=$(tar -C "$work" -c new | zstd -q -3 | wc -c)
	zstd_line="$(mb "$tar_old"), next release + $(mb "$tar_new")"
else
	zstd_line="zstd is not installed"
fi
afs_line="$(mb "$size_old"), next release + $(mb $((size_both - size_old)))"
echo
echo "afs-engine:      $(mb "$raw") -> $afs_line"
echo "tar | zstd -3:   $(mb "$raw") -> $zstd_line"

say "(c) Two compilers run out of one deduplicated store."
if [ -e /dev/fuse ] && { [ "$(id -u)" = 0 ] || command -v fusermount3 >/dev/null; }; then
	mkdir "$mnt" "$work/hello"
	printf 'package main\n\nimport (\n\t"fmt"\n\t"runtime"\n)\n\nfunc main() { fmt.Println("hello from a program built by", runtime.Version()) }\n' >"$work/hello/main.go"
	step mount "$mnt" --daemon
	ls -l "$mnt/go" | sed 1d
	for v in "$old" "$new"; do
		gobin=$mnt/go/toolchain@$v/bin/go
		echo "\$ MOUNT/go/toolchain@$v/bin/go run hello/main.go"
		(cd "$work/hello" && GOTOOLCHAIN=local GOROOT=$mnt/go/toolchain@$v GOCACHE=$work/cache GOFLAGS= "$gobin" run main.go)
	done
	step umount "$mnt"
	mounted="two compilers ran from the mount"
else
	mounted="skipped: no /dev/fuse here"
	echo "$mounted"
fi

say "(d) What changed between them?"
t=$(now)
echo "\$ afs-engine diff --no-attrs go/toolchain@$old go/toolchain@$new"
"$afs" diff --no-attrs "go/toolchain@$old" "go/toolchain@$new" >"$work/diff" 2>"$work/diff.sum"
diff_time=$(awk -v a="$t" -v b="$(now)" 'BEGIN { printf "%.0f", (b - a) * 1000 }')
head -n 3 "$work/diff"
echo "…"
cat "$work/diff.sum"
echo "in $diff_time ms, process start included"

say "(e) An ingest is killed (SIGKILL) half-way and run again."
killed=$work/killed
AFS_STORE=$killed "$afs" ingest --quiet "$work/old" "go/toolchain@$old" &
pid=$!
while [ -z "$(find "$killed/packs" -type f 2>/dev/null | head -n 1)" ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
kill -KILL $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
again=$(AFS_STORE=$killed "$afs" ingest --json "$work/old" "go/toolchain@$old")
reused=$(($(field bytes <<<"$again") - $(field new_bytes <<<"$again")))
echo "killed; the second run reused $(mb "$reused") of $(mb "$(field bytes <<<"$again")")"

say "(f) One byte is flipped in a copy of the store."
cp -r "$AFS_STORE" "$work/copy"
pack=$(find "$work/copy/packs" -type f -size +1M | sort | head -n 1)
at=$(($(stat -c %s "$pack") / 2))
byte=$(od -An -tu1 -j "$at" -N 1 "$pack" | tr -d ' ')
chmod u+w "$pack"
printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$pack" bs=1 seek="$at" conv=notrunc status=none
status=0
echo "\$ afs-engine verify --read-data"
AFS_STORE=$work/copy "$afs" verify --read-data >"$work/verify" 2>&1 || status=$?
cat "$work/verify"
[ "$status" = 13 ] || { echo "demo: verify ended with $status, not 13" >&2; exit 1; }
echo "exit code 13"

say "(g) The index is deleted; the store alone brings everything back."
rm -rf "$AFS_STORE/index"
t=$(now)
step diff --exit-code "go/toolchain@$new" "$work/new"
step restore --quiet "go/toolchain@$old" "$work/restored"
diff -r --no-dereference "$work/old" "$work/restored"
rebuild_time=$(since "$t")
echo "identical"

total=$(since "$began")
local_time=$(awk -v a="$total" -v b="$waited" 'BEGIN { printf "%.0f", a - b }')
say "In one table"
cat <<EOF
  two Go releases            $(mb "$raw") each, $(find "$work/old" -type f | wc -l) files
  stored by afs-engine       $afs_line
  stored by tar | zstd -3    $zstd_line
  mount                      $mounted
  difference of the two      $diff_time ms
  killed ingest, run again   $(mb "$reused") reused
  one flipped byte           found, with pack, file and versions
  index deleted              rebuilt and compared in $rebuild_time s, identical
  this demo                  $local_time s, and $waited s of waiting for downloads

Try it on your own data:
  bin/afs-engine estimate ~/some/dir
  bin/afs-engine ingest ~/some/dir demo/mine@1
  mkdir -p /tmp/mnt && bin/afs-engine mount /tmp/mnt
EOF
