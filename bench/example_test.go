package bench_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/bench"
)

// A user's own tool on a user's own directories.
func Example() {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	release := filepath.Join(dir, "app-1.0")
	if err := os.Mkdir(release, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(release, "app"), []byte("a program"), 0o755); err != nil {
		panic(err)
	}
	tar := bench.Contender{
		Name: "tar", About: "archives", Needs: []string{"tar"}, Version: "tar --version",
		Ingest:  "tar -C {src} -cf {store}/{release}.tar .",
		Restore: "mkdir {dest} && tar -C {dest} -xf {store}/{release}.tar",
	}
	res, err := bench.Run(context.Background(),
		bench.Options{Work: filepath.Join(dir, "work"), Reps: 2, Contenders: []bench.Contender{tar}, Workloads: []string{bench.IngestFirst, bench.RestoreDisk}},
		[]func(context.Context) (bench.Corpus, error){
			func(context.Context) (bench.Corpus, error) { return bench.Own("apps", []string{release}) },
		})
	if err != nil {
		panic(err)
	}
	for _, row := range res.Rows {
		fmt.Println(row.Rep, row.Contender, row.Workload, row.Status, row.InputBytes, *row.Same)
	}
	// Output:
	// 1 tar ingest-first ok 9 true
	// 1 tar restore-disk ok 9 true
	// 2 tar ingest-first ok 9 true
	// 2 tar restore-disk ok 9 true
}
