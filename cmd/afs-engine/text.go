package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// tableRows is how many rows are aligned together: enough for a screen, few
// enough that a listing of any length streams.
const tableRows = 512

// table aligns columns. The last column is never padded.
type table struct {
	w     io.Writer
	right string // one byte per column: '>' aligns right
	rows  [][]string
	width []int
}

func newTable(w io.Writer, right string) *table { return &table{w: w, right: right} }

func (t *table) row(cells ...string) error {
	t.rows = append(t.rows, cells)
	if len(t.rows) < tableRows {
		return nil
	}
	return t.flush()
}

// flush writes the rows that are held back. Widths never shrink, so that what
// follows stays in line if it fits.
func (t *table) flush() error {
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(t.width) {
				t.width = append(t.width, 0)
			}
			t.width[i] = max(t.width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		b.Reset()
		for i, cell := range row {
			pad := strings.Repeat(" ", t.width[i]-utf8.RuneCountInString(cell))
			switch {
			case i < len(t.right) && t.right[i] == '>':
				b.WriteString(pad + cell)
			case i == len(row)-1:
				b.WriteString(cell)
			default:
				b.WriteString(cell + pad)
			}
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		if _, err := io.WriteString(t.w, strings.TrimRight(b.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	t.rows = t.rows[:0]
	return nil
}

// shown is a name as a terminal may see it: quoted if it holds anything that
// is not plain text.
func shown(name string) string {
	if !utf8.ValidString(name) || strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(name)
	}
	return name
}

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

func count(n int64) string { return humanize.Comma(n) }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

func files(n int64) string { return plural(n, "file", "files") }

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// span is a duration of some seconds, as short as a person wants it.
func span(seconds float64) string {
	if seconds < 10 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// rate is bytes per second.
func rate(bytes int64, seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	return size(int64(float64(bytes)/seconds)) + "/s"
}
