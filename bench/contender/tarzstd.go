package contender

import "github.com/artifortress/afs-engine/bench"

func tarZstd() bench.Contender {
	whole := "every release is an archive of its own"
	return bench.Contender{
		Name:     "tar+zstd",
		About:    "an archive for each release: zstd -3 on all cores, a window of 128 MiB",
		Packages: []string{"zstd"},
		Needs:    []string{"tar", "zstd"},
		Version:  "zstd --version",
		Ingest:   "tar -I 'zstd -3 -T0 --long=27' -C {src} -cf {store}/{release}.tar.zst .",
		Restore:  "mkdir {dest} && tar -I 'zstd --long=27' -C {dest} -xf {store}/{release}.tar.zst",
		Reclaim:  "cd {store} && mv {newest}.tar.zst newest && rm *.tar.zst && mv newest {newest}.tar.zst",
		Without: map[string]string{
			bench.IngestReread: whole,
			bench.IngestAgain:  whole,
			bench.MountReady:   "an archive cannot be mounted",
		},
	}
}
