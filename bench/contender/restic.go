package contender

import "github.com/artifortress/afs-engine/bench"

func restic() bench.Contender {
	return bench.Contender{
		Name:     "restic",
		About:    "backup: content-defined chunks, zstd, always encrypted",
		Packages: []string{"restic", "fuse3"},
		Needs:    []string{"restic"},
		Version:  "restic version",
		Env:      []string{"RESTIC_REPOSITORY={store}", "RESTIC_PASSWORD=bench", "RESTIC_CACHE_DIR={state}/cache"},
		Init:     "restic -q init --repository-version 2",
		Ingest:   "cd {src} && restic -q backup --compression auto --tag {release} .",
		Reread:   "cd {src} && restic -q backup --compression auto --tag {release} --force .",
		Again:    "cd {src} && restic -q backup --compression auto --tag {release} .",
		Restore:  "restic -q restore latest --tag {release} --target {dest}",
		Reclaim:  "restic -q forget --group-by '' --keep-tag {newest} --prune --max-unused 0",
		Index:    []string{"{state}/cache"},
		Mounts:   []bench.Mount{{Command: "exec restic -q mount {mnt}", Serves: true, Shows: "{mnt}/tags/{release}/latest"}},
	}
}
