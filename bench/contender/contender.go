// Package contender has the tools that take part in a benchmark, one small file
// for each with its exact commands.
//
// To add one, write a file like the others and put it into All. The order there
// is the order of the report. What the places in the commands mean stands at
// bench.Contender. Rules that keep it fair: the tool's own defaults unless its
// manual recommends otherwise for this use; compression on where it has any, as
// close to zstd -3 as it goes; no encryption where it can be left out; indexes
// and caches below {state} or listed in Index, so that they are counted.
package contender

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// Subject is the contender that this project is about.
const Subject = "afs-engine"

// All are all contenders.
func All() []bench.Contender {
	return []bench.Contender{
		afsEngine(), restic(), borg(), casync(), bup(), squashfs(), erofs(), tarZstd(), cp(),
	}
}

// Quick are those that a short run compares with.
func Quick() []string { return []string{Subject, "restic", "borg", "squashfs", "tar+zstd", "cp"} }

// ErrUnknown means that there is no contender of that name.
var ErrUnknown = errors.New("no such contender")

// Named finds contenders by their names.
func Named(names []string) ([]bench.Contender, error) {
	all := All()
	var chosen []bench.Contender
	for _, name := range names {
		i := slices.IndexFunc(all, func(c bench.Contender) bool { return c.Name == name })
		if i < 0 {
			var known []string
			for _, c := range all {
				known = append(known, c.Name)
			}
			return nil, fmt.Errorf("%w: %s (there are %s)", ErrUnknown, name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// Packages are the Debian packages of some contenders and their mounts.
func Packages(contenders []bench.Contender) []string {
	var names []string
	for _, c := range contenders {
		names = append(names, c.Packages...)
		for _, m := range c.Mounts {
			names = append(names, m.Packages...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
