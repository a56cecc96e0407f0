package main

import (
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/engine/known"
)

// trustFlags choose which files are read although an earlier ingest has read
// them.
type trustFlags struct {
	trust   string
	readAll bool
}

// Values of --trust.
const (
	trustStat      = "all"
	trustMTimeSize = "mtime,size"
)

func (f *trustFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.readAll, "read-all", false, "read every file, also those that have not changed since an earlier ingest")
	fs.StringVar(&f.trust, "trust", trustStat, "do not read a file again if `WHAT` is as it was: all that stat says, or mtime,size")
}

// degree checks the flags.
func (f *trustFlags) degree() (known.Trust, error) {
	usual := f.trust == trustStat || f.trust == ""
	switch {
	case !usual && f.trust != trustMTimeSize:
		return 0, usagef("--trust %s: want %s or %s", f.trust, trustStat, trustMTimeSize)
	case f.readAll && !usual:
		return 0, usagef("--read-all and --trust do not go together")
	case f.readAll:
		return known.Nothing, nil
	case f.trust == trustMTimeSize:
		return known.MTimeSize, nil
	}
	return known.Stat, nil
}
