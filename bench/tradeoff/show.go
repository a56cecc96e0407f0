package tradeoff

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/go-analyze/charts"
	"github.com/go-analyze/charts/chartdraw"
	"github.com/klauspost/compress/zstd"
)

func (c Choice) String() string {
	if c.Profile != "" {
		return "profile " + c.Profile
	}
	return fmt.Sprintf("chunks of %s, frames of %s, %s", size(c.ChunkAvg), size(c.Frame), zstd.EncoderLevel(c.Level))
}

// line names what has frames of all sizes.
func (c Choice) line() string {
	if c.Profile != "" {
		return c.String()
	}
	return "chunks of " + size(c.ChunkAvg) + ", " + zstd.EncoderLevel(c.Level).String()
}

// size is a power of two as people write it.
func size(n int) string { return strings.Replace(humanize.IBytes(uint64(n)), ".0 ", " ", 1) }

// Markdown is a table of all points, the fewest bytes first.
func (r *Result) Markdown() string {
	var b strings.Builder
	var files, total int64
	for _, rel := range r.Corpus.Releases {
		files, total = files+rel.Files, total+rel.Bytes
	}
	fmt.Fprintf(&b, "Measured on %s, in %.0f s, on %d cores %s, %s, with `%s`: %d releases, %s files, %.0f MB in all; %d cold reads in each store.\n\n",
		r.Started.Format("2 January 2006"), r.Seconds, r.Host.Cores, r.Host.CPU, r.Host.Filesystem, r.Corpus.Name,
		len(r.Corpus.Releases), humanize.Comma(files), float64(total)/1e6, r.Reads)
	b.WriteString("| chunks | frames | level | profile | everything | of it index | chunks stored | CPU, ingests | cold read of 4 KiB |\n|---:|---:|---|---|---:|---:|---:|---:|---:|\n")
	for _, p := range slices.SortedStableFunc(slices.Values(r.Points), func(a, b Point) int { return int(a.Bytes() - b.Bytes()) }) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f MB | %.1f MB | %s | %.1f s | %.0f µs |\n",
			size(p.ChunkAvg), size(p.Frame), zstd.EncoderLevel(p.Level), p.Profile,
			float64(p.Bytes())/1e6, float64(p.IndexBytes)/1e6, humanize.Comma(p.Chunks), p.CPUSeconds, p.ReadSeconds*1e6)
	}
	return b.String()
}

// Looks of the plot: a color for a chunk size, a dash pattern for a level.
var (
	lineColors = []string{"#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#66a61e", "#a6761d"}
	lineDashes = [][]float64{nil, {6, 4}, {2, 3}, {8, 3, 2, 3}}
)

// SVG plots what is stored against what a cold read costs: a line for each
// chunk size and level, a dot for each frame size, and the profiles by name.
// Left and low is good.
func (r *Result) SVG() ([]byte, error) {
	if len(r.Points) == 0 {
		return nil, errors.New("plot: no point was measured")
	}
	var xs, ys []float64
	var avgs, levels, frames []int
	var names labels
	lines := map[Choice]*chartdraw.ContinuousSeries{}
	var order []*chartdraw.ContinuousSeries
	for _, p := range r.Points {
		if p.Profile == "" {
			position(&frames, p.Frame)
		}
	}
	slices.Sort(frames)
	for _, p := range r.Points {
		key := p.Choice
		key.Frame = 0 // a line is of frames of all sizes
		if lines[key] == nil {
			look := chartdraw.Style{StrokeWidth: 2, DotWidth: 1, DotWidthProvider: dotWidth(r.Points, key, frames)}
			if p.Profile != "" {
				look.StrokeColor = charts.ColorFromHex("#222222")
			} else {
				look.StrokeColor = charts.ColorFromHex(lineColors[position(&avgs, p.ChunkAvg)%len(lineColors)])
				look.StrokeDashArray = lineDashes[position(&levels, p.Level)%len(lineDashes)]
			}
			look.DotColor = look.StrokeColor
			lines[key] = &chartdraw.ContinuousSeries{Name: key.line(), Style: look}
			order = append(order, lines[key])
		}
		l, x, y := lines[key], float64(p.Bytes())/1e6, p.ReadSeconds*1e6
		l.XValues, l.YValues = append(l.XValues, x), append(l.YValues, y)
		xs, ys = append(xs, x), append(ys, y)
		if p.Profile != "" {
			names = append(names, label{x, y, p.Choice.String()})
		}
	}
	var sizes []string
	for _, f := range frames {
		sizes = append(sizes, size(f))
	}
	chart := chartdraw.Chart{
		Title: "Dots, from small to large: frames of " + strings.Join(sizes, ", "), TitleStyle: chartdraw.Style{FontStyle: chartdraw.FontStyle{FontSize: 10}},
		Width: 900, Height: 560, Background: chartdraw.Style{Padding: chartdraw.Box{Top: 40, Left: 210, Right: 30, Bottom: 20, IsSet: true}},
		XAxis: chartdraw.XAxis{Name: "stored, everything counted (MB); less is better"},
		YAxis: chartdraw.YAxis{Name: "one cold read of 4 KiB (µs); less is better"}, YAxisSecondary: chartdraw.HideYAxis(),
	}
	grid := chartdraw.Style{StrokeColor: charts.ColorFromHex("#e4e4e4"), StrokeWidth: 1}
	chart.XAxis.GridMajorStyle, chart.YAxis.GridMajorStyle = grid, grid
	chart.XAxis.Range, chart.XAxis.Ticks = axis(xs)
	chart.YAxis.Range, chart.YAxis.Ticks = axis(ys)
	for _, l := range order {
		chart.Series = append(chart.Series, *l)
	}
	chart.Series = append(chart.Series, names)
	chart.Elements = []chartdraw.Renderable{chartdraw.LegendLeft(&chart, chartdraw.Style{FontStyle: chartdraw.FontStyle{FontSize: 10}})}
	var b bytes.Buffer
	if err := chart.Render(chartdraw.SVG, &b); err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}

// dotWidth is how large the dots of a line are drawn; a profile has one.
func dotWidth(all []Point, line Choice, frames []int) chartdraw.SizeProvider {
	var widths []float64
	for _, p := range all {
		frame := p.Frame
		if p.Frame = 0; p.Choice == line {
			widths = append(widths, 3+2*float64(max(slices.Index(frames, frame), 0)))
		}
	}
	return func(_, _ chartdraw.Range, i int, _, _ float64) float64 { return widths[i] }
}

// position is where v stands in all, which it is added to if it is new.
func position(all *[]int, v int) int {
	i := slices.Index(*all, v)
	if i < 0 {
		i, *all = len(*all), append(*all, v)
	}
	return i
}

// axis is an axis from and to round values around all of values, with some room
// for dots and names.
func axis(values []float64) (chartdraw.Range, []chartdraw.Tick) {
	low, high := slices.Min(values), slices.Max(values)
	span := max(high-low, high/10, 1e-3)
	step := math.Pow(10, math.Floor(math.Log10(span)))
	if span/step < 2 {
		step /= 5
	} else if span/step < 5 {
		step /= 2
	}
	first, last := max(math.Floor((low-span/20)/step), 0), math.Ceil((high+span/10)/step)
	var ticks []chartdraw.Tick
	for i := first; i <= last; i++ {
		ticks = append(ticks, chartdraw.Tick{Value: i * step, Label: fmt.Sprintf("%.6g", i*step)})
	}
	return &chartdraw.ContinuousRange{Min: first * step, Max: last * step}, ticks
}

// labels is a series of text beside dots; the library's own has boxes, which
// cover the neighbours.
type labels []label

type label struct {
	x, y float64
	text string
}

var _ chartdraw.Series = labels{}

func (labels) GetName() string               { return "" }
func (labels) GetYAxis() chartdraw.YAxisType { return chartdraw.YAxisPrimary }
func (labels) GetStyle() chartdraw.Style     { return chartdraw.Style{} }
func (labels) Validate() error               { return nil }

func (all labels) Render(r chartdraw.Renderer, canvas chartdraw.Box, xs, ys chartdraw.Range, s chartdraw.Style) {
	for _, l := range all {
		s.FontStyle = chartdraw.FontStyle{FontColor: charts.ColorFromHex("#222222"), FontSize: 9, Font: chartdraw.GetDefaultFont()}
		chartdraw.Draw.Text(r, l.text, canvas.Left+xs.Translate(l.x)+9, canvas.Bottom-ys.Translate(l.y)-6, s)
	}
}
