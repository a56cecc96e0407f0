package contender

import "github.com/artifortress/afs-engine/bench"

func afsEngine() bench.Contender {
	return bench.Contender{
		Name:     Subject,
		About:    "this project: content-defined chunks in compressed packs, zstd fastest, its next level for text, changed text as deltas, every byte verified when read",
		Packages: []string{"fuse3"},
		Version:  "{afs} version",
		Env:      []string{"AFS_STORE={store}", "XDG_CACHE_HOME={state}", "XDG_CONFIG_HOME={state}", "XDG_STATE_HOME={state}"},
		Init:     "{afs} init",
		Ingest:   "{afs} ingest --quiet {src} bench/data@{release}",
		OneCore:  "GOMAXPROCS=1 {afs} ingest --quiet {src} bench/data@{release}",
		Reread:   "{afs} ingest --quiet --read-all {src} bench/data@{release}",
		Again:    "{afs} ingest --quiet {src} bench/data@{release}",
		Restore:  "{afs} restore --quiet bench/data@{release} {dest}",
		Index:    []string{"{store}/index"},
		Without:  map[string]string{bench.Reclaim: "not built yet: nothing is collected"},
		Mounts:   []bench.Mount{{Command: "exec {afs} mount {mnt} bench/data@{release}", Serves: true}},
	}
}
