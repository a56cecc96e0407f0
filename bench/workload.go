package bench

import "slices"

// Workload is something that is measured.
type Workload struct {
	Name  string
	Title string // of a chart, without corpus and unit
	About string // one sentence for who sees it for the first time
	Mount bool   // needs a mount
	Cold  bool   // wants caches dropped and a fresh mount
	Reads bool   // counts reads: what matters is the time of one
}

// The workloads' names, as they stand in results.
const (
	IngestFirst   = "ingest-first"
	IngestNext    = "ingest-next"
	IngestAgain   = "ingest-again"
	IngestReread  = "ingest-reread"
	IngestOneCore = "ingest-one-core"
	RestoreDisk   = "restore-disk"
	RestoreTmpfs  = "restore-tmpfs"
	MountReady    = "mount-ready"
	FindCold      = "find-cold"
	FindWarm      = "find-warm"
	ListCold      = "ls-cold"
	ListWarm      = "ls-warm"
	TarCold       = "tar-cold"
	TarWarm       = "tar-warm"
	SeqCold       = "seq-cold"
	SeqWarm       = "seq-warm"
	Rand4KCold    = "rand4k-cold"
	Rand4KWarm    = "rand4k-warm"
	Rand128KCold  = "rand128k-cold"
	Rand128KWarm  = "rand128k-warm"
	Reclaim       = "reclaim"
)

// Workloads are all workloads, in the order in which they are shown.
func Workloads() []Workload {
	return []Workload{
		{Name: IngestFirst, Title: "First ingest", About: "Store the first release in an empty store. The source is in the page cache."},
		{Name: IngestNext, Title: "Following releases", About: "Store every further release, one after the other: the sum of their times."},
		{Name: IngestReread, Title: "Everything known, but read", About: "Store the newest release once more and read every byte of it."},
		{Name: IngestAgain, Title: "Unchanged, again", About: "Store the newest release once more; a tool may trust that files with the same size and times are the same."},
		{Name: IngestOneCore, Title: "First ingest on one core", About: "Store the first release in an empty store of its own, on one core (GOMAXPROCS=1)."},
		{Name: RestoreDisk, Title: "Restore to disk", About: "Write the newest release to a directory on the same disk, the store in the page cache."},
		{Name: RestoreTmpfs, Title: "Restore to memory", About: "Write the newest release to tmpfs, the store in the page cache."},
		{Name: MountReady, Title: "Mount until usable", About: "From the start of the mount, caches dropped, until a file of the newest release can be looked at.", Mount: true, Cold: true},
		{Name: FindCold, Title: "find, cold", About: "Walk all names of the mounted release, caches dropped.", Mount: true, Cold: true},
		{Name: FindWarm, Title: "find, again", About: "The same walk right after, on the same mount.", Mount: true},
		{Name: ListCold, Title: "ls -lR, cold", About: "List names, sizes and times of the mounted release, caches dropped.", Mount: true, Cold: true},
		{Name: ListWarm, Title: "ls -lR, again", About: "The same listing right after, on the same mount.", Mount: true},
		{Name: TarCold, Title: "tar of everything, cold", About: "Read every file of the mounted release through tar, caches dropped.", Mount: true, Cold: true},
		{Name: TarWarm, Title: "tar of everything, again", About: "The same right after, on the same mount.", Mount: true},
		{Name: SeqCold, Title: "Sequential read of large files, cold", About: "Read the largest files from begin to end in blocks of 1 MiB, caches dropped.", Mount: true, Cold: true},
		{Name: SeqWarm, Title: "Sequential read of large files, again", About: "The same right after, on the same mount.", Mount: true},
		{Name: Rand4KCold, Title: "Random 4 KiB read, cold", About: "One read of 4 KiB somewhere in the largest files, one after the other, caches dropped: mean time of a read.", Mount: true, Cold: true, Reads: true},
		{Name: Rand4KWarm, Title: "Random 4 KiB read, again", About: "The same reads right after, on the same mount: mean time of a read.", Mount: true, Reads: true},
		{Name: Rand128KCold, Title: "Random 128 KiB read, cold", About: "One read of 128 KiB somewhere in the largest files, caches dropped: mean time of a read.", Mount: true, Cold: true, Reads: true},
		{Name: Rand128KWarm, Title: "Random 128 KiB read, again", About: "The same reads right after, on the same mount: mean time of a read.", Mount: true, Reads: true},
		{Name: Reclaim, Title: "Delete all but the newest and reclaim", About: "Delete every other release and give their space back."},
	}
}

// workload finds a workload by its name.
func workload(name string) (Workload, bool) {
	all := Workloads()
	i := slices.IndexFunc(all, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}, false
	}
	return all[i], true
}
