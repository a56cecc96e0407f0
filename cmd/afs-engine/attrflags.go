package main

import (
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/engine/source"
)

// attrFlags choose what is taken besides mode and time.
type attrFlags struct{ owner, xattrs string }

// Values of the flags.
const (
	attrDrop = "drop"
	attrKeep = "keep"
)

func (f *attrFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.owner, "owner", attrDrop, "`WHAT` to do with users, groups and setuid bits: drop, keep")
	fs.StringVar(&f.xattrs, "xattrs", attrDrop, "`WHAT` to do with extended attributes: drop, keep")
}

// apply checks the flags and sets what they ask for.
func (f *attrFlags) apply(o *source.Options) error {
	for _, flag := range []struct {
		name, value string
		keep        *bool
	}{{"owner", f.owner, &o.KeepOwner}, {"xattrs", f.xattrs, &o.KeepXattrs}} {
		switch flag.value {
		case "", attrDrop:
		case attrKeep:
			*flag.keep = true
		default:
			return usagef("--%s %s: want drop or keep", flag.name, flag.value)
		}
	}
	return nil
}
