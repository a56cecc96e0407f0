package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// Sizes of a chart, in pixels of its own; the page scales it.
const (
	chartWidth = 540
	nameWidth  = 84  // the contenders' names, left of the bars
	noteWidth  = 120 // the values, right of the longest bar
	barHeight  = 15
	barPitch   = 22
	axisHeight = 24
	whisker    = 4 // half the height of a whisker's end
)

// logRange is the factor between the largest and the smallest value from which
// on an axis is logarithmic: below, the smallest bar can still be seen.
const logRange = 40

// bar is a line of a chart.
type bar struct {
	name    string
	s       bench.Summary
	beside  float64 // drawn behind the bar's end: what is counted apart
	absent  string  // why there is no value
	subject bool
}

// chart draws bars, the best on top, with whiskers from the least to the
// greatest value and the median in words. It is SVG for the page, whose style
// sheet has the colours. It also reports whether the axis is logarithmic.
//
// It is drawn here because horizontal bars are little work, and the libraries
// that would do it are not: docs/decisions/0014-own-charts.md.
func chart(unit bench.Unit, bars []bar) (svg string, logarithmic bool) {
	bars = slices.SortedStableFunc(slices.Values(bars), func(a, b bar) int {
		return cmp.Or(cmp.Compare(len(a.absent), len(b.absent)), cmp.Compare(a.s.Median+a.beside, b.s.Median+b.beside))
	})
	x := newScale(bars)
	height := barPitch*len(bars) + axisHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" xmlns="http://www.w3.org/2000/svg">`+"\n", chartWidth, height)
	foot := barPitch * len(bars)
	for _, v := range x.marks() {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f 0V%d"/><text class="mark" x="%.1f" y="%d">%s</text>`+"\n",
			x.at(v), foot, x.at(v), foot+15, html.EscapeString(mark(unit, v)))
	}
	for i, line := range bars {
		drawBar(&b, x, unit, line, barPitch*i+(barPitch-barHeight)/2)
	}
	b.WriteString("</svg>")
	return b.String(), x.logarithmic
}

func drawBar(b *strings.Builder, x scale, unit bench.Unit, line bar, top int) {
	class := "other"
	if line.subject {
		class = "subject"
	}
	mid := float64(top) + barHeight/2.0
	rect := func(class string, from, to float64) {
		fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"/>`, class, from, top, max(to-from, 0.5), barHeight)
	}
	fmt.Fprintf(b, `<text class="name %s" x="%d" y="%.1f">%s</text>`, class, nameWidth-6, mid+4, html.EscapeString(line.name))
	if line.absent != "" {
		fmt.Fprintf(b, `<text class="absent" x="%d" y="%.1f">%s</text>`+"\n", nameWidth+6, mid+4, html.EscapeString(line.absent))
		return
	}
	end := x.at(line.s.Median)
	rect(class, nameWidth, end)
	note := value(unit, line.s.Median)
	if line.beside > 0 {
		from := end
		end = x.at(line.s.Median + line.beside)
		rect("beside", from, end)
		note += " + " + value(unit, line.beside)
	}
	if line.s.Max > line.s.Min {
		from, to := x.at(line.s.Min), x.at(line.s.Max)
		fmt.Fprintf(b, `<path class="spread" d="M%.1f %.1fH%.1fM%.1f %.1fv%dM%.1f %.1fv%d"/>`,
			from, mid, to, from, mid-whisker, 2*whisker, to, mid-whisker, 2*whisker)
		end = max(end, to)
	}
	fmt.Fprintf(b, `<text class="value" x="%.1f" y="%.1f">%s</text>`+"\n", end+6, mid+4, html.EscapeString(note))
}

// scale is a chart's axis.
type scale struct {
	low, high   float64
	logarithmic bool
}

func newScale(bars []bar) scale {
	smallest, largest := math.Inf(1), 0.0
	for _, b := range bars {
		if b.s.Min > 0 {
			smallest = min(smallest, b.s.Min)
		}
		largest = max(largest, b.s.Max, b.s.Median+b.beside)
	}
	switch {
	case largest == 0:
		return scale{high: 1}
	case largest > logRange*smallest:
		return scale{math.Pow(10, math.Floor(math.Log10(smallest/2))), largest, true}
	}
	return scale{high: largest}
}

// at is where a value stands; what is below the axis stands at its begin.
func (s scale) at(v float64) float64 {
	part := (v - s.low) / (s.high - s.low)
	if s.logarithmic {
		part = math.Log(v/s.low) / math.Log(s.high/s.low)
	}
	return nameWidth + max(part, 0)*(chartWidth-nameWidth-noteWidth)
}

// marks are round values: powers of ten, or three to six steps from 0.
func (s scale) marks() []float64 {
	var marks []float64
	if s.logarithmic {
		for v := s.low; v <= s.high*1.001; v *= 10 {
			marks = append(marks, v)
		}
		return marks
	}
	step := math.Pow(10, math.Floor(math.Log10(s.high)))
	for _, part := range []float64{1, 0.5, 0.2} {
		if s.high/(step*part) >= 3 {
			step *= part
			break
		}
	}
	for i := 0; float64(i)*step <= s.high*1.001; i++ {
		marks = append(marks, float64(i)*step)
	}
	return marks
}

// mark is a round value, as short as it goes.
func mark(unit bench.Unit, v float64) string {
	if v == 0 {
		return "0"
	}
	number, name, _ := strings.Cut(value(unit, v), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return strings.TrimSpace(number + " " + name)
}
