package contender

import "github.com/artifortress/afs-engine/bench"

func cp() bench.Contender {
	whole := "every release is a copy of its own"
	return bench.Contender{
		Name:    "cp",
		About:   "a plain copy of each release: the disk's own file system, as a measure of what is possible",
		Needs:   []string{"cp"},
		Version: "cp --version",
		Ingest:  "cp -a {src} {store}/{release}",
		Restore: "cp -a {store}/{release} {dest}",
		Reclaim: "cd {store} && mv {newest} ../newest && rm -r * && mv ../newest {newest}",
		Without: map[string]string{
			bench.IngestReread: whole,
			bench.IngestAgain:  whole,
		},
		Mounts: []bench.Mount{{Shows: "{store}/{release}"}},
	}
}
