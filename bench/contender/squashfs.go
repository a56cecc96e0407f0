package contender

import "github.com/artifortress/afs-engine/bench"

func squashfs() bench.Contender {
	onlyWhole := "an image tells whole files that are the same; it has no other notion of what it knows"
	return bench.Contender{
		Name:     "squashfs",
		About:    "compressed file system image: blocks of 128 KiB, zstd -3, one image to which releases are appended; mounted by the kernel",
		Packages: []string{"squashfs-tools"},
		Needs:    []string{"mksquashfs", "unsquashfs"},
		Version:  "mksquashfs -version",
		Ingest:   "mksquashfs {src} {store}/image -comp zstd -Xcompression-level 3 -keep-as-directory -no-progress -quiet -no-recovery",
		Restore:  "unsquashfs -q -n -d {dest} {store}/image {base}",
		Restored: "{dest}/{base}",
		Without: map[string]string{
			bench.IngestReread: onlyWhole,
			bench.IngestAgain:  onlyWhole,
			bench.Reclaim:      "an image is written anew",
		},
		Mounts: []bench.Mount{
			{Root: true, Command: "mount -t squashfs -o loop,ro {store}/image {mnt}", Shows: "{mnt}/{base}"},
			{
				Name: "squashfuse", About: "the same image, mounted by a process",
				Packages: []string{"squashfuse"}, Needs: []string{"squashfuse"},
				Command: "exec squashfuse -f {store}/image {mnt}", Serves: true, Shows: "{mnt}/{base}",
			},
		},
	}
}
