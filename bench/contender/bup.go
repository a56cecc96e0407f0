package contender

import "github.com/artifortress/afs-engine/bench"

func bup() bench.Contender {
	return bench.Contender{
		Name:     "bup",
		About:    "backup: content-defined chunks in git packs, zlib -1",
		Packages: []string{"bup", "python3-fuse"},
		Needs:    []string{"bup"},
		Version:  "bup version",
		Slow:     true,
		Env:      []string{"BUP_DIR={store}"},
		Init:     "bup init",
		Ingest:   "bup index -u {src} && bup save -q -n {release} --strip {src}",
		Reread:   "bup index --clear && bup index -u {src} && bup save -q -n {release} --strip {src}",
		Again:    "bup index -u {src} && bup save -q -n {release} --strip {src}",
		// It ends with 1 where it cannot set a disk's attributes, as on tmpfs. The
		// harness compares what was restored in any case.
		Restore: "bup restore -q -C {dest} /{release}/latest/. || [ $? = 1 ]",
		Reclaim: "for r in {older}; do bup rm --unsafe /$r || exit 1; done; bup gc --unsafe",
		Index:   []string{"{store}/bupindex", "{store}/bupindex.meta", "{store}/bupindex.hlink"},
		Mounts:  []bench.Mount{{Command: "exec bup fuse -f {mnt}", Serves: true, Shows: "{mnt}/{release}/latest"}},
	}
}
