package contender

import "github.com/artifortress/afs-engine/bench"

func erofs() bench.Contender {
	whole := "every release is an image of its own"
	return bench.Contender{
		Name:     "erofs",
		About:    "compressed file system image: lz4hc, an image for each release; mounted by the kernel",
		Packages: []string{"erofs-utils"},
		Needs:    []string{"mkfs.erofs", "fsck.erofs"},
		Slow:     true,
		Version:  "fsck.erofs -V",
		Ingest:   "mkfs.erofs --quiet -zlz4hc {store}/{release}.erofs {src}",
		Restore:  "fsck.erofs --extract={dest} {store}/{release}.erofs",
		Reclaim:  "cd {store} && mv {newest}.erofs newest && rm *.erofs && mv newest {newest}.erofs",
		Without:  map[string]string{bench.IngestReread: whole, bench.IngestAgain: whole},
		Mounts:   []bench.Mount{{Root: true, Command: "mount -t erofs -o loop,ro {store}/{release}.erofs {mnt}"}},
	}
}
