package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/go-analyze/charts"

	"github.com/artifortress/afs-engine/bench"
)

// Sizes of a chart, in pixels of its own; the page scales it.
const (
	chartWidth = 560
	noteWidth  = 130 // the values, right of the longest bar
	barPitch   = 24
	axisHeight = 30
	nameSize   = 9.5 // points, as the library counts them
	noteSize   = 9
	noteMax    = 60 // characters; a reason is no essay
)

// Colors of bars and text; page.html has the first three once more, as its key.
const (
	subjectColor     = "#d95f02"
	otherColor       = "#7a8b99"
	besideColor      = "#cfd8dc"
	textColor        = "#222222"
	subjectTextColor = "#b34700"
	axisColor        = "#999999"
	gridColor        = "#e4e4e4"
)

// logRange is the factor between the largest and the smallest value from which
// on an axis is logarithmic: below, the smallest bar can still be seen.
const logRange = 40

// bar is a line of a chart.
type bar struct {
	name    string
	s       bench.Summary
	beside  float64 // drawn as a continuation of the bar: what is counted apart
	absent  string  // why there is no value
	subject bool
}

// chart draws bars, the best on top, each with its value in words. It is SVG,
// and needs nothing else. It also reports whether the axis is logarithmic.
//
// The library puts text into SVG as it is, so all of it is escaped here. It was
// chosen by docs/decisions/0014-charts.md.
func chart(unit bench.Unit, bars []bar) (svg string, logarithmic bool, err error) {
	bars = slices.SortedStableFunc(slices.Values(bars), func(a, b bar) int { // the library begins below
		return -cmp.Or(cmp.Compare(len(a.absent), len(b.absent)), cmp.Compare(a.s.Median+a.beside, b.s.Median+b.beside))
	})
	x := newScale(bars)
	var names []string
	parts := make([][]float64, 3) // of each bar: the subject's, another's, what is beside; those that it has not are 0
	for i := range parts {
		parts[i] = make([]float64, len(bars))
	}
	for i, b := range bars {
		names = append(names, html.EscapeString(b.name))
		end := x.at(b.s.Median)
		if b.subject {
			parts[0][i] = end
		} else {
			parts[1][i] = end
		}
		parts[2][i] = x.at(b.s.Median+b.beside) - end
	}
	opt := charts.NewBarChartOptionWithData(parts)
	opt.Horizontal, opt.StackSeries = true, charts.Ptr(true)
	opt.Padding = charts.NewBox(4, 4, noteWidth, 4)
	opt.Theme = theme(subjectColor, otherColor, besideColor)
	opt.CategoryAxis.Labels = names
	opt.CategoryAxis.LabelFontStyle = charts.NewFontStyleWithSize(nameSize)
	opt.ValueAxis[0] = charts.ValueAxisOption{
		Min: charts.Ptr(0.0), Max: charts.Ptr(float64(x.steps)), LabelCount: x.steps + 1,
		SplitLineShow: charts.Ptr(true), LabelFontStyle: charts.NewFontStyleWithSize(noteSize),
		ValueFormatter: func(step float64) string {
			if step > float64(x.steps)-0.5 {
				return "" // the library would move it towards the one before
			}
			return html.EscapeString(mark(unit, x.value(step)))
		},
	}
	// The library asks for the label of one bar after the other.
	next := 0
	opt.SeriesList[2].Label = charts.SeriesLabel{Show: charts.Ptr(true), LabelFormatter: func(int, string, float64) (string, *charts.LabelStyle) {
		b := bars[next]
		next++
		color := textColor
		if b.subject {
			color = subjectTextColor
		}
		return html.EscapeString(note(unit, b)), &charts.LabelStyle{FontStyle: charts.FontStyle{FontSize: noteSize, FontColor: charts.ColorFromHex(color)}}
	}}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: barPitch*len(bars) + axisHeight})
	if err := p.BarChart(opt); err != nil {
		return "", false, fmt.Errorf("draw a chart: %w", err)
	}
	b, err := p.Bytes()
	if err != nil {
		return "", false, fmt.Errorf("draw a chart: %w", err)
	}
	return string(b), x.logarithmic, nil
}

func theme(colors ...string) charts.ColorPalette {
	o := charts.ThemeOption{
		BackgroundColor: charts.ColorWhite, TextColor: charts.ColorFromHex(textColor),
		AxisStrokeColor: charts.ColorFromHex(axisColor), AxisSplitLineColor: charts.ColorFromHex(gridColor),
	}
	for _, c := range colors {
		o.SeriesColors = append(o.SeriesColors, charts.ColorFromHex(c))
	}
	return charts.MakeTheme(o)
}

// note is what stands right of a bar.
func note(unit bench.Unit, b bar) string {
	if b.absent != "" {
		text := []rune(b.absent)
		if len(text) > noteMax {
			text = append(text[:noteMax-1], '…')
		}
		return string(text)
	}
	text := value(unit, b.s.Median)
	if least, most := value(unit, b.s.Min), value(unit, b.s.Max); least != most {
		number, name, _ := strings.Cut(least, " ")
		if strings.HasSuffix(most, " "+name) {
			least = number
			most, _, _ = strings.Cut(most, " ")
		}
		text += " (" + least + "–" + most + ")"
	}
	if b.beside > 0 {
		text += " + " + value(unit, b.beside)
	}
	return text
}

// scale is a chart's axis: so many steps, from a mark to the next each.
type scale struct {
	low, step   float64 // low: the begin of a logarithmic axis, whose steps are factors of 10
	steps       int
	logarithmic bool
}

func newScale(bars []bar) scale {
	smallest, largest := math.Inf(1), 0.0
	for _, b := range bars {
		if b.s.Median > 0 {
			smallest = min(smallest, b.s.Median)
		}
		largest = max(largest, b.s.Median+b.beside)
	}
	switch {
	case largest == 0:
		return scale{step: 1, steps: 1}
	case largest > logRange*smallest:
		s := scale{low: math.Pow(10, math.Floor(math.Log10(smallest/2))), logarithmic: true}
		s.steps = int(math.Ceil(s.at(largest)))
		return s
	}
	s := scale{step: math.Pow(10, math.Floor(math.Log10(largest)))}
	for _, part := range []float64{2, 1, 0.5, 0.2} { // 3 to 7 steps: as many as there is room for marks
		if largest/(s.step*part) >= 2.5 {
			s.step *= part
			break
		}
	}
	s.steps = int(math.Ceil(largest / s.step))
	return s
}

// at is where a value stands, in steps; what is below the axis stands at its
// begin.
func (s scale) at(v float64) float64 {
	if s.logarithmic {
		return math.Log10(max(v/s.low, 1))
	}
	return v / s.step
}

// value is what stands at a step.
func (s scale) value(step float64) float64 {
	if s.logarithmic {
		return s.low * math.Pow(10, step)
	}
	return step * s.step
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
