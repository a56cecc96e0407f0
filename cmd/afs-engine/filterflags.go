package main

import (
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/filter"
)

// filterFlags choose among paths. Patterns have the syntax of gitignore(5).
type filterFlags struct {
	exclude, include, excludeFrom, ignoreFiles []string
}

func (f *filterFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.exclude, "exclude", nil, "leave out what matches `PATTERN` (gitignore syntax; repeatable)")
	fs.StringArrayVar(&f.include, "include", nil, "take only what matches `PATTERN` (repeatable)")
}

// registerFiles adds the flags that read patterns from files.
func (f *filterFlags) registerFiles(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.excludeFrom, "exclude-from", nil, "leave out what matches a pattern in `FILE` (repeatable)")
	fs.StringArrayVar(&f.ignoreFiles, "ignore-file", nil, "honour files called `NAME`, say .gitignore, in every directory (repeatable)")
}

// build makes the filter; nil takes all.
func (f *filterFlags) build() (*filter.Filter, error) {
	o := filter.Options{
		Exclude:     f.exclude,
		Include:     f.include,
		ExcludeFrom: f.excludeFrom,
		IgnoreFiles: f.ignoreFiles,
	}
	if len(o.Exclude)+len(o.Include)+len(o.ExcludeFrom)+len(o.IgnoreFiles) == 0 {
		return nil, nil
	}
	flt, err := filter.New(o)
	if err != nil && engine.KindOf(err) == engine.KindInternal {
		err = usagef("%s", err) // a pattern that cannot be read
	}
	return flt, err
}
