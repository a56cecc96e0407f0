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

// widths are the bars of a chart, from above.
func widths(t *testing.T, svg string) []float64 {
	t.Helper()
	var all []float64
	for _, m := range regexp.MustCompile(`<rect class="(?:subject|other)"[^>]* width="([0-9.]+)"`).FindAllStringSubmatch(svg, -1) {
		w, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

func TestBarsAreAsLongAsTheirValues(t *testing.T) {
	svg, logarithmic := chart(bench.Seconds, []bar{{name: "b", s: alone(4)}, {name: "a", s: alone(1), subject: true}, {name: "c", s: alone(2)}})
	w := widths(t, svg)
	if logarithmic || len(w) != 3 || math.Abs(w[1]/w[0]-2) > 0.01 || math.Abs(w[2]/w[0]-4) > 0.01 {
		t.Errorf("logarithmic %v, widths %v, want 1 : 2 : 4", logarithmic, w)
	}
	if strings.Index(svg, ">a<") > strings.Index(svg, ">c<") || strings.Index(svg, ">c<") > strings.Index(svg, ">b<") {
		t.Error("the best is not at the top")
	}
	if strings.Count(svg, `rect class="subject"`) != 1 {
		t.Error("the subject does not stand out")
	}
}

func TestFarValuesMakeALogarithmicAxis(t *testing.T) {
	svg, logarithmic := chart(bench.Seconds, []bar{{name: "a", s: alone(0.01)}, {name: "b", s: alone(0.1)}, {name: "c", s: alone(1)}})
	if w := widths(t, svg); !logarithmic || math.Abs((w[2]-w[1])-(w[1]-w[0])) > 0.3 {
		t.Errorf("logarithmic %v, widths %v, want equal steps", logarithmic, w)
	} else if room := float64(chartWidth - nameWidth - noteWidth); math.Abs(w[2]-room) > 0.3 {
		t.Errorf("the longest bar has %v, want all of %v", w[2], room)
	}
}

func TestChartsOfAnythingAreWellFormed(t *testing.T) {
	for name, bars := range map[string][]bar{
		"nothing":   nil,
		"zeros":     {{name: "a", s: alone(0)}, {name: "b", s: alone(0)}},
		"zero":      {{name: "a", s: alone(0)}, {name: "b", s: alone(1e12)}},
		"tiny":      {{name: "a", s: alone(1e-12)}},
		"spread":    {{name: "a", s: bench.Summary{N: 3, Min: 1, Median: 2, Max: 500}}},
		"beside":    {{name: "a", s: alone(5), beside: 7}},
		"absent":    {{name: "a", absent: "no <b>"}, {name: "b", s: alone(1)}},
		"odd names": {{name: `<&">`, s: alone(1)}},
	} {
		svg, _ := chart(bench.Bytes, bars)
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a number that is none: %s", name, svg)
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}
