package bench

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Contender is a tool, described by what a user would type. Commands are lines
// for sh. In them, and in Env, Index, Restored and Mount.Root, these places are
// filled in, quoted for the shell where it reads them:
//
//	{afs}      this program
//	{src}      directory of the release
//	{base}     its last element, with _1, _2… if earlier releases have the same
//	{release}  name of the release, unique in the store
//	{newest}   name of the corpus's last release
//	{older}    names of all others in the store, separated by spaces
//	{store}    directory of the store, which Init finds empty
//	{state}    directory for what the tool keeps beside its store; HOME, too
//	{dest}     where to restore: it does not exist, its parent does
//	{mnt}      empty directory to mount at
//
// A command that is empty is a workload that the tool does not have; Without
// says why.
type Contender struct {
	Name     string
	About    string   // one line for somebody who does not know the tool: how it is set up here
	Packages []string // of Debian
	Needs    []string // programs that must be there
	Version  string   // prints the version on its first line
	Env      []string // KEY=VALUE
	Slow     bool     // one repetition is enough

	Init    string // not measured
	Ingest  string // store {src} as {release}
	OneCore string // the same on one core; empty is no gap in the results: it is about the tool alone
	Reread  string // the same for what the store already has, and read every byte of it
	Again   string // the same for what has not changed since
	Restore string // write {release} to {dest}
	Reclaim string // delete {older}, and give their space back
	Mounts  []Mount

	Restored string            // where {release} stands after Restore, if it is not {dest}
	Index    []string          // files and directories that the tool could make anew
	Without  map[string]string // workload → why there is none
}

// Mount is a way in which a contender shows a release as files.
type Mount struct {
	Name     string   // as which its rows stand, if not the contender's
	About    string   // if it has a name of its own
	Packages []string // as above, beyond the contender's
	Needs    []string
	Root     bool   // only root can do it
	Slow     bool   // one repetition is enough
	Command  string // "": the files are there without
	Serves   bool   // Command goes on until the file system is unmounted
	Shows    string // where the release stands; "" is {mnt}
}

// Missing returns which of programs cannot be found.
func Missing(programs []string) []string {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// absent says why c cannot take part here, or "".
func absent(needs, packages []string) string {
	missing := Missing(needs)
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("not installed: %s (apt-get install %s, or --install)", strings.Join(missing, ", "), strings.Join(packages, " "))
}

// places are what stands for the places of a contender's commands.
type places map[string]string

// errPlace means that a command names a place that there is not.
var errPlace = errors.New("no such place")

// line fills in the places of a command for the shell.
func (p places) line(command string) (string, error) { return p.fill(command, shellQuoted) }

// path fills in the places of a path.
func (p places) path(path string) (string, error) {
	return p.fill(path, func(_, s string) string { return s })
}

func (p places) fill(text string, quote func(place, value string) string) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		value, known := p[name]
		if !ok || !known {
			return "", fmt.Errorf("%w: {%s}", errPlace, name)
		}
		b.WriteString(quote(name, value))
		text = after
	}
}

// shellQuoted is value as sh takes it for one word; {older} is several words
// that have no need of it.
func shellQuoted(place, value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=,@%", r)
	}
	if place == "older" || value != "" && strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
