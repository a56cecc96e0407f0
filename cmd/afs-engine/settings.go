package main

import (
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/engine"
)

// settings hold for every verb. Each comes from its flag, else from the
// environment (AFS_ and the flag's name), else from the configuration file.
type settings struct {
	store     string
	json      bool
	quiet     bool
	verbose   int
	logFormat string
	noColor   bool
	memory    string
	stores    map[string]string // of the file: name → location
}

// fileKeys are the flags that the environment and the file can set, wherever
// they are defined; jobs belongs to the verbs that have it.
var fileKeys = []string{"store", "json", "quiet", "verbose", "log-format", "no-color", "memory", "jobs"}

func (s *settings) register(fs *pflag.FlagSet) {
	fs.StringVar(&s.store, "store", "", "`LOCATION` of the store: a directory, @NAME of the configuration file, or mem:")
	fs.BoolVar(&s.json, "json", false, "print results as JSON lines")
	fs.BoolVarP(&s.quiet, "quiet", "q", false, "no progress and no notes on stderr, only errors")
	fs.CountVarP(&s.verbose, "verbose", "v", "say more on stderr; -vv says everything")
	fs.StringVar(&s.logFormat, "log-format", "text", "`FORM` of what goes to stderr: text or json")
	fs.StringVar(&s.memory, "memory", "256MiB", "`SIZE` of memory to get along with, 128MiB or more")
	fs.BoolVar(&s.noColor, "no-color", false, "no colours (so does NO_COLOR)")
}

// resolve fills what no flag has set from the environment and the file.
func (s *settings) resolve(flags *pflag.FlagSet, env func(string) string) error {
	file, err := readConfig(env)
	if err != nil {
		return err
	}
	s.stores = file.locations()
	values := file.values()
	for _, key := range fileKeys {
		f := flags.Lookup(key)
		if f == nil || f.Changed {
			continue
		}
		value, from := env(envName(key)), envName(key)
		if value == "" {
			value, from = values[key], key+" in "+file.path
		}
		if value == "" {
			continue
		}
		if err := f.Value.Set(value); err != nil {
			return usagef("%s: %q is not a value for it", from, value)
		}
	}
	return nil
}

// memoryBytes is what --memory says.
func (s *settings) memoryBytes() (int64, error) {
	n, err := humanize.ParseBytes(s.memory)
	if err != nil || n < engine.MemoryMin || n > 1<<50 {
		return 0, usagef("--memory %s: want a size of %s or more", s.memory, humanize.IBytes(engine.MemoryMin))
	}
	return int64(n), nil
}

// envName is the variable that stands for a flag.
func envName(key string) string {
	b := []byte("AFS_" + key)
	for i, c := range b {
		switch {
		case c == '-':
			b[i] = '_'
		case 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func boolText(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func intText(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}
