package fusefs_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/artifortress/afs-engine/fusefs"
)

// A program mounts, waits for a signal or an unmount from elsewhere, and
// leaves no dead mount behind.
func ExampleMount() {
	var reg fusefs.Registry // the engine
	server, err := fusefs.Mount("/mnt/afs", reg, fusefs.Options{StoreName: "releases"})
	if err != nil {
		fmt.Println(err)
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	go func() {
		<-signals
		if err := server.Unmount(); err != nil {
			fmt.Println(err)
		}
	}()
	server.Wait()
}

func ExampleUnmount() {
	err := fusefs.Unmount(os.TempDir())
	fmt.Println(errors.Is(err, fusefs.ErrNotMounted))
	// Output: true
}
