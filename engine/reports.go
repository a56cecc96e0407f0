package engine

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/artifortress/afs-engine/engine/source"
)

// reports are what a walk says of paths that it could not read, or of those that
// it left out. A source may have any number of them, with paths of any length, so
// both the number and the bytes that are kept are bounded: once they are
// reached, reports are only counted.
type reports struct {
	listed []source.Report
	count  int64 // with those that are not listed
	bytes  int   // of those that are
}

// Limits of reports of one sort.
const (
	reportsMax      = 10_000
	reportsBytesMax = 1 << 20
)

func (l *reports) add(r source.Report) {
	full := l.more() > 0
	l.count++
	r = shortReport(r)
	size := len(r.Path) + len(r.Reason)
	if full || len(l.listed) == reportsMax || l.bytes+size > reportsBytesMax {
		return
	}
	l.bytes += size
	l.listed = append(l.listed, r)
}

// more is how many are not listed.
func (l *reports) more() int64 { return l.count - int64(len(l.listed)) }

// shortReport is r with texts of a bounded length, and with a path of its own: a
// source may have cut it out of something much larger, which it would keep.
func shortReport(r source.Report) source.Report {
	return source.Report{Path: strings.Clone(short(r.Path)), Reason: short(r.Reason)}
}

// How long a path or reason of a report may be, and how much is kept of each
// end of a longer one: with what stands between them it is no longer than that.
const (
	shortMax  = 4 << 10
	shortEnds = shortMax/2 - 32
)

// short is s, or if that is too long its beginning and its end.
func short(s string) string {
	if len(s) <= shortMax {
		return s
	}
	to, from := shortEnds, len(s)-shortEnds
	for i := 1; i < utf8.UTFMax && !utf8.RuneStart(s[to]); i++ {
		to--
	}
	for i := 1; i < utf8.UTFMax && !utf8.RuneStart(s[from]); i++ {
		from++
	}
	return fmt.Sprintf("%s… (%d bytes left out) …%s", s[:to], from-to, s[from:])
}

// gaps lists the paths that are missing from a version, for its log record.
type gaps struct {
	paths []string
	bytes int
	more  int64 // paths that are not listed
}

// Limits of the list. Many versions may be committed at once, in one message and
// in one object of the log, so it is shorter than those two could be.
const (
	gapsMax      = 1000
	gapsBytesMax = 128 << 10
)

func (g *gaps) add(p string) {
	if g.more > 0 || len(g.paths) == gapsMax || g.bytes+len(p) > gapsBytesMax {
		g.more++
		return
	}
	g.bytes += len(p)
	g.paths = append(g.paths, p)
}

// list is the paths. If there are more, the last entry gives their number.
func (g *gaps) list() []string {
	if g.more == 0 {
		return g.paths
	}
	n := min(len(g.paths), gapsMax-1)
	return append(g.paths[:n:n], fmt.Sprintf("… and %d more", g.more+int64(len(g.paths)-n)))
}
