package contender

import "github.com/artifortress/afs-engine/bench"

func casync() bench.Contender {
	return bench.Contender{
		Name:     "casync",
		About:    "image distribution: content-defined chunks of 64 KiB on average, a file each, zstd",
		Packages: []string{"casync", "fuse3"},
		Needs:    []string{"casync"},
		Version:  "casync --version",
		Ingest:   "casync make --store={store}/chunks.castr {store}/{release}.caidx {src}",
		Reread:   "casync make --store={store}/chunks.castr {store}/{release}.caidx {src}",
		Restore:  "casync extract --store={store}/chunks.castr {store}/{release}.caidx {dest}",
		Reclaim:  "cd {store} && mv {newest}.caidx newest && rm *.caidx && mv newest {newest}.caidx && casync gc --store=chunks.castr {newest}.caidx",
		Without:  map[string]string{bench.IngestAgain: "it always reads everything"},
		Mounts:   []bench.Mount{{Command: "exec casync mount --store={store}/chunks.castr {store}/{release}.caidx {mnt}", Serves: true, Slow: true}},
	}
}
