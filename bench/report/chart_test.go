package report

import (
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/bench"
)

func alone(v float64) bench.Summary { return bench.Summary{N: 1, Min: v, Median: v, Max: v} }

// drawn is chart for what must be drawn.
func drawn(t *testing.T, unit bench.Unit, bars []bar) (svg string, logarithmic bool) {
	t.Helper()
	svg, logarithmic, err := chart(unit, bars)
	if err != nil {
		t.Fatal(err)
	}
	return svg, logarithmic
}

// Bars as the library draws them: paths that begin at the upper left corner.
var (
	barPath    = regexp.MustCompile(`<path d="M (\d+) (\d+)\s+L (\d+) [^"]*"\s+style="stroke:none;fill:rgb\((\d+,\d+,\d+)\)"`)
	svgText    = regexp.MustCompile(`<text x="\d+" y="(\d+)"[^>]*>([^<]*)</text>`)
	subjectRGB = "217,95,2"
	otherRGB   = "122,139,153"
)

type drawnBar struct{ top, width int }

// widths are the bars of a color, from above.
func widths(t *testing.T, svg, color string) (all []drawnBar) {
	t.Helper()
	for _, m := range barPath.FindAllStringSubmatch(svg, -1) {
		left, _ := strconv.Atoi(m[1])
		top, _ := strconv.Atoi(m[2])
		right, err := strconv.Atoi(m[3])
		if err != nil {
			t.Fatal(err)
		}
		if m[4] == color && right > left {
			all = append([]drawnBar{{top, right - left}}, all...)
		}
	}
	return all
}

// textAt is how far down a text stands.
func textAt(t *testing.T, svg, want string) int {
	t.Helper()
	for _, m := range svgText.FindAllStringSubmatch(svg, -1) {
		if m[2] == want {
			y, _ := strconv.Atoi(m[1])
			return y
		}
	}
	t.Fatalf("the chart does not say %q:\n%s", want, svg)
	return 0
}

func TestBarsAreAsLongAsTheirValues(t *testing.T) {
	svg, logarithmic := drawn(t, bench.Seconds, []bar{{name: "b", s: alone(4)}, {name: "a", s: alone(1), subject: true}, {name: "c", s: alone(2)}})
	ours, others := widths(t, svg, subjectRGB), widths(t, svg, otherRGB)
	if len(ours) != 1 || len(others) != 2 {
		t.Fatalf("%d bars are the subject's and %d the others'", len(ours), len(others))
	}
	one := float64(ours[0].width)
	if logarithmic || math.Abs(float64(others[0].width)/one-2) > 0.05 || math.Abs(float64(others[1].width)/one-4) > 0.05 {
		t.Errorf("logarithmic %v, widths %v and %v, want 1 : 2 : 4", logarithmic, ours, others)
	}
	if ours[0].top > others[0].top || others[0].top > others[1].top {
		t.Error("the best is not at the top")
	}
}

func TestBarsHaveTheirNamesAndValuesBesideThem(t *testing.T) {
	spread := bench.Summary{N: 3, Min: 1.9, Median: 2, Max: 2.5}
	svg, _ := drawn(t, bench.Seconds, []bar{
		{name: "four", s: alone(4), beside: 1}, {name: "none", absent: "not built yet", subject: true}, {name: "two", s: spread},
	})
	for name, value := range map[string]string{"four": "4.00 s + 1.00 s", "two": "2.00 s (1.90–2.50)", "none": "not built yet"} {
		if d := textAt(t, svg, name) - textAt(t, svg, value); d < -4 || d > 4 {
			t.Errorf("%s: its value stands %d pixels off", name, d)
		}
	}
	if textAt(t, svg, "none") < textAt(t, svg, "four") {
		t.Error("what has no value stands before what has one")
	}
}

func TestFarValuesMakeALogarithmicAxis(t *testing.T) {
	svg, logarithmic := drawn(t, bench.Seconds, []bar{{name: "a", s: alone(0.01)}, {name: "b", s: alone(0.1)}, {name: "c", s: alone(1)}})
	w := widths(t, svg, otherRGB)
	if len(w) != 3 || !logarithmic || max(w[2].width-w[1].width, w[1].width-w[0].width)-min(w[2].width-w[1].width, w[1].width-w[0].width) > 2 {
		t.Errorf("logarithmic %v, widths %v, want equal steps", logarithmic, w)
	}
}

func TestMarksHaveRoom(t *testing.T) {
	for v := 1.0; v < 10; v += 0.01 {
		s := newScale([]bar{{s: alone(v)}})
		if s.steps < 3 || s.steps > 7 || s.value(float64(s.steps)) < v-1e-9 {
			t.Errorf("%.2f: %d steps up to %g", v, s.steps, s.value(float64(s.steps)))
		}
	}
}

func TestChartsOfAnythingAreWellFormed(t *testing.T) {
	for name, bars := range map[string][]bar{
		"zeros":     {{name: "a", s: alone(0)}, {name: "b", s: alone(0)}},
		"zero":      {{name: "a", s: alone(0)}, {name: "b", s: alone(1e12)}},
		"tiny":      {{name: "a", s: alone(1e-12)}},
		"far":       {{name: "a", s: alone(1e-9)}, {name: "b", s: alone(1e15)}},
		"spread":    {{name: "a", s: bench.Summary{N: 3, Min: 1, Median: 2, Max: 500}}},
		"beside":    {{name: "a", s: alone(5), beside: 7}},
		"absent":    {{name: "a", absent: "no <b>" + strings.Repeat("é", 500)}, {name: "b", s: alone(1)}},
		"odd names": {{name: `<&">`, s: alone(1)}},
	} {
		svg, _ := drawn(t, bench.Bytes, bars)
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a number that is none: %s", name, svg)
		}
		wellFormed(t, name, svg)
	}
}

func wellFormed(t *testing.T, name, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}
