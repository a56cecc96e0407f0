package contender

import "github.com/artifortress/afs-engine/bench"

func borg() bench.Contender {
	return bench.Contender{
		Name:     "borg",
		About:    "backup: content-defined chunks, lz4 (its default), encryption off",
		Packages: []string{"borgbackup", "python3-pyfuse3", "fuse3"},
		Needs:    []string{"borg"},
		Version:  "borg --version",
		Env:      []string{"BORG_REPO={store}", "BORG_BASE_DIR={state}", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"},
		Init:     "borg init --encryption=none",
		Ingest:   "cd {src} && borg create -C lz4 ::{release} .",
		Reread:   "cd {src} && borg create -C lz4 --files-cache=disabled ::{release} .",
		Again:    "cd {src} && borg create -C lz4 ::{release} .",
		Restore:  "mkdir {dest} && cd {dest} && borg extract ::{release}",
		Reclaim:  "borg delete {store} {older} && borg compact",
		Index:    []string{"{state}/.cache/borg"},
		Mounts:   []bench.Mount{{Command: "exec borg mount -f ::{release} {mnt}", Serves: true}},
	}
}
